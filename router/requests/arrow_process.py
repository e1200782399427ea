"""Has Arrow streams read by a process of its own, which holds no secret and may be killed.

pyarrow's import alone would stop the event loop, and a malformed stream may end a process."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from rollout.settings import Limits
from router.problems import Problem
from router.requests.arrow_reader import REPLY, ReadTask, StreamFault
from router.requests.content_encoding import most_unpacked
from router.requests.thread_pools import BoundedPool

ROOT = Path(__file__).parents[2]
MODULE = "router.requests.arrow_reader"
MOST_WAITING = 256
# A stream of at most max_body_bytes may be this many times as large as rows.
MOST_TIMES = 4


# By somebody outside, such as the host that is out of memory. A malformed stream ends it otherwise.
KILLED = (-signal.SIGKILL, -signal.SIGTERM)


class ReaderKilled(Exception):
    """The process was killed while it read a stream."""


@dataclass
class StreamRead:
    """A stream that is to be read. late: its deadline has passed."""

    body: bytes
    late: bool = False


class ArrowProcess:
    """The process of one worker, started with the first stream, and again after it has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = BoundedPool("arrow", MOST_WAITING, threads=1)
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: StreamRead | None = None
        self._closed = False

    async def rows(
        self, body: bytes, within_s: float, loop: asyncio.AbstractEventLoop
    ) -> list[msgspec.Raw]:
        """The rows of a stream as raw JSON.

        Raises Problem 400, 413, 415 without pyarrow, 503 also where the process was killed, 504
        after `within_s`."""
        if find_spec("pyarrow") is None:
            raise Problem(415, "this router has no pyarrow: send the rows as JSON")

        read = StreamRead(body)
        timer = loop.call_later(within_s, self._give_up, read)
        try:
            rows = await self._pool.run(self._exchange, read)
        except ReaderKilled as error:
            if read.late:
                raise _too_late(within_s) from error

            raise Problem(
                503,
                "the process that reads Arrow streams was killed twice while it read this one, as "
                "where the host is out of memory: send it again, or fewer rows",
                retry_after_s=1,
            ) from error
        except (OSError, EOFError) as error:
            if read.late:
                raise _too_late(within_s) from error

            raise Problem(
                400,
                "the Arrow stream could not be read: it is malformed, or takes too much memory "
                "(the reader crashed)",
            ) from error
        finally:
            timer.cancel()

        if read.late:
            raise _too_late(within_s)

        return rows

    def close(self) -> None:
        """End the process, after the last stream."""
        self._closed = True
        self._kill()
        self._end()

    def _give_up(self, read: StreamRead) -> None:
        """End the process where it reads this stream: another caller's is none of its business."""
        read.late = True
        if self._reading is read:
            # Its pipes are closed by the thread that reads them.
            self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _exchange(self, read: StreamRead) -> list[msgspec.Raw]:
        """Read one stream, in a thread. Raises OSError, EOFError, ReaderKilled, Problem."""
        self._reading = read
        try:
            return self._twice(read)
        finally:
            self._reading = None

    def _twice(self, read: StreamRead) -> list[msgspec.Raw]:
        """The rows, asked for once more where somebody else killed the process."""
        try:
            return self._once(read)
        except ReaderKilled:
            if read.late or self._closed:
                raise

            return self._once(read)

    def _once(self, read: StreamRead) -> list[msgspec.Raw]:
        process = self._running()
        if read.late:
            raise EOFError

        try:
            return self._rows_of(process, read.body)
        except (OSError, EOFError) as error:
            # It has closed its pipes, so it is at its end.
            if process.wait() in KILLED:
                raise ReaderKilled from error

            raise

    def _rows_of(self, process: "subprocess.Popen[bytes]", body: bytes) -> list[msgspec.Raw]:
        """Send one stream and read its rows. Raises OSError, EOFError, Problem."""
        limits = self._limits
        task = ReadTask(
            len(body),
            most_unpacked(len(body), limits.max_body_bytes),
            limits.max_rows,
            limits.max_row_bytes,
            MOST_TIMES * limits.max_body_bytes,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        process.stdin.write(body)
        process.stdin.flush()
        head = process.stdout.read(REPLY.size)
        if len(head) < REPLY.size:
            raise EOFError

        status, size = REPLY.unpack(head)
        reply = process.stdout.read(size)
        if len(reply) < size:
            raise EOFError
        if status != 200:
            raise Problem(status, msgspec.json.decode(reply, type=StreamFault).detail)

        return list(map(msgspec.Raw, reply.split(b"\n")))

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                cwd=ROOT,
                env=_environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

        return self._process

    def _end(self) -> None:
        """Forget a process that has ended or is killed."""
        process, self._process = self._process, None
        if process is None:
            return

        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # What was not sent to it cannot be sent any more.


def _environ() -> dict[str, str]:
    """What the reader needs of the environment: no secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }


def _too_late(within_s: float) -> Problem:
    return Problem(504, f"no answer within the deadline of {within_s:.3g} s")
