"""One reader of Arrow streams (arrow_reader.py) and its pipes: starts it, sends, takes replies.

All but `start_reader` and `end_reader` may raise OSError where it has ended."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from router.problems import Problem
from router.requests.arrow_reader import REPLY, StreamFault

ROOT = Path(__file__).parents[2]
MODULE = "router.requests.arrow_reader"


@dataclass(eq=False, slots=True)
class StreamRead:
    """A stream that is to be read. head: the task, before the body.

    rows, fault: its outcome, None before it is known. late: its deadline has passed. timer: ends
    its time. was_killed: the process was killed from outside as it read it."""

    head: bytes
    body: bytes
    timer: asyncio.TimerHandle | None = None
    rows: list[msgspec.Raw] | None = None
    fault: Exception | None = None
    late: bool = False
    was_killed: bool = False

    @property
    def is_done(self) -> bool:
        """Whether its outcome is known."""
        return self.rows is not None or self.fault is not None

    @property
    def size(self) -> int:
        """Bytes that are sent to the process."""
        return len(self.head) + len(self.body)


def start_reader() -> "subprocess.Popen[bytes]":
    """Start a process that reads streams until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-m", MODULE],
        cwd=ROOT,
        env=_environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def end_reader(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a process that has ended or is killed, and close its pipes."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # What was not sent to it cannot be sent any more.


def send(process: "subprocess.Popen[bytes]", streams: Iterable[StreamRead]) -> None:
    """Send streams, whose replies come in the same order."""
    assert process.stdin is not None
    for read in streams:
        process.stdin.write(read.head)
        process.stdin.write(read.body)

    process.stdin.flush()


def take_reply(process: "subprocess.Popen[bytes]", read: StreamRead) -> None:
    """Take the reply to one stream. Raises OSError, EOFError."""
    assert process.stdout is not None
    head = process.stdout.read(REPLY.size)
    if len(head) < REPLY.size:
        raise EOFError

    status, size = REPLY.unpack(head)
    reply = process.stdout.read(size)
    if len(reply) < size:
        raise EOFError

    if status == 200:
        read.rows = list(map(msgspec.Raw, reply.split(b"\n")))
    else:
        read.fault = Problem(status, msgspec.json.decode(reply, type=StreamFault).detail)


def pipe_bytes(process: "subprocess.Popen[bytes]") -> int:
    """Bytes that can be written to a process that reads nothing, with a margin: it may itself wait
    for its replies to be read.
    """
    assert process.stdin is not None
    of_size = getattr(fcntl, "F_GETPIPE_SZ", None)
    return fcntl.fcntl(process.stdin, of_size) // 2 if of_size is not None else 0


def _environ() -> dict[str, str]:
    """What the reader needs of the environment: no secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
