"""Runs a task in a child process that may take so long and so much memory, and no more.

The child is forked, so that it has the pipeline without a copy, and starts no thread before. It
ends with this process, and at its time limit in any case.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from wire.parent_process import end_with

REPORT_EVERY_S = 10.0
MEGABYTE = 2**20


class LimitExceeded(Exception):
    """A task took too long, took too much memory, or its process died; says which."""


@dataclass(frozen=True)
class ProcessLimits:
    """seconds: of wall-clock time. megabytes: beyond what this process has already."""

    seconds: float
    megabytes: int


def run_limited(
    task: Callable[[], Any],
    limits: ProcessLimits,
    waiting: Callable[[float], None] = lambda _s: None,
) -> Any:
    """What the task returns, which is pickled; raises what it raises, or LimitExceeded.

    waiting: told the seconds so far every ten seconds.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(task, limits, sender, os.getpid()), daemon=True)
    process.start()
    sender.close()
    try:
        result = _received(receiver, limits, waiting)
    finally:
        process.kill()
        process.join()
        receiver.close()

    if isinstance(result, BaseException):
        raise result

    return result


def _received(receiver: Connection, limits: ProcessLimits, waiting: Callable[[float], None]) -> Any:
    began = time.monotonic()
    while (elapsed_s := time.monotonic() - began) < limits.seconds:
        if receiver.poll(min(REPORT_EVERY_S, limits.seconds - elapsed_s)):
            try:
                return receiver.recv()
            except EOFError:
                return LimitExceeded(
                    f"its process died, probably for memory ({limits.megabytes} MB are allowed)"
                )

        waiting(time.monotonic() - began)

    return LimitExceeded(f"it takes longer than {limits.seconds:g} s")


def _run(task: Callable[[], Any], limits: ProcessLimits, sender: Connection, parent: int) -> None:
    """The child process: sends what the task returned or raised."""
    _end_with_parent(parent, limits)
    _limit_memory(limits.megabytes)
    try:
        result = task()
    except MemoryError:
        result = LimitExceeded(f"it takes more than {limits.megabytes} MB")
    except Exception as error:  # noqa: BLE001 (raised again in the parent)
        result = error

    _send(sender, result)


def _send(sender: Connection, result: Any) -> None:
    try:
        sender.send(result)
    # An error that does not pickle, which raises what it likes.
    except Exception:  # noqa: BLE001
        sender.send(RuntimeError(f"{type(result).__name__}: {result}"))


def _end_with_parent(parent: int, limits: ProcessLimits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Twice, since a child whose parent was killed is told only on Linux.
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + REPORT_EVERY_S)
    end_with(parent)


def _limit_memory(megabytes: int) -> None:
    """Bound the address space beyond what the process has; where it is not known, not at all."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
    except OSError:
        return

    own = pages * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (own + megabytes * MEGABYTE, hard))
