"""Runs a function once a name, each in a forked process of its own, with a time limit."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
# A fork has all that this process imported, which takes seconds to import anew.
FORK = get_context("fork")


@dataclass(frozen=True)
class _Running:
    name: str
    process: Any
    ends: Connection
    deadline: float


@dataclass(frozen=True)
class LimitedProcesses(Generic[Result]):
    """run: called with a name. failed: the result for a name whose process gave none, with why.

    processes: how many run at once. limit_s: seconds that one may take.
    """

    run: Callable[[str], Result]
    failed: Callable[[str, str], Result]
    processes: int
    limit_s: float

    def results(self, names: Sequence[str]) -> Iterator[Result]:
        """The result for every name, as they come."""
        waiting, running = list(reversed(names)), []
        try:
            while waiting or running:
                while waiting and len(running) < self.processes:
                    running.append(self._start(waiting.pop()))

                ended = _ended(running)
                running = [one for one in running if one not in ended]
                yield from map(self._result, ended)
        finally:
            for one in running:
                _end(one)

    def _start(self, name: str) -> _Running:
        receives, sends = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_in_child, args=(self.run, name, sends))
        process.start()
        sends.close()
        return _Running(name, process, receives, time.monotonic() + self.limit_s)

    def _result(self, one: _Running) -> Result:
        """What the process sent; a process that is over its limit is ended with its children."""
        outcome: Any = f"timed out after {self.limit_s:.0f} s"
        is_sent = False
        if one.ends.poll():
            try:
                is_sent, outcome = one.ends.recv()
            except EOFError:
                outcome = "its process died without a word"

        _end(one)
        if is_sent:
            return outcome

        return self.failed(one.name, outcome)


def _ended(running: list[_Running]) -> list[_Running]:
    """Wait until one has sent its result, died, or is over its limit; returns those that did."""
    left = min(one.deadline for one in running) - time.monotonic()
    ready = wait([one.ends for one in running], timeout=max(0.0, left))
    now = time.monotonic()
    return [one for one in running if one.ends in ready or now >= one.deadline]


def _end(one: _Running) -> None:
    """End the process with the processes that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(one.process.pid, signal.SIGKILL)

    one.process.kill()
    one.process.join()
    one.ends.close()


def _in_child(run: Callable[[str], Any], name: str, sends: Connection) -> None:
    # A group of its own, so that what it starts ends with it.
    os.setpgid(0, 0)
    try:
        sends.send((True, run(name)))
    except Exception as error:  # noqa: BLE001 (what it was has to be told)
        sends.send((False, f"{type(error).__name__}: {error}"))
