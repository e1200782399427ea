"""Has Arrow streams read by a process of its own, which holds no secret and may be killed.

pyarrow's import alone would stop the event loop, and a malformed stream may end a process."""

import asyncio
import signal
import subprocess
from collections import deque
from contextlib import suppress
from importlib.util import find_spec

import msgspec

from rollout.settings import Limits
from router.problems import Problem
from router.requests.arrow_pipes import (
    StreamRead,
    end_reader,
    pipe_bytes,
    send,
    start_reader,
    take_reply,
)
from router.requests.arrow_reader import ReadTask
from router.requests.content_encoding import most_unpacked
from router.requests.thread_pools import BoundedPool

MOST_WAITING = 256
MOST_TOGETHER = 16
"""Streams that are sent together at most."""
LOOK_AGAIN_S = 1.0
# A stream of at most max_body_bytes may be this many times as large as rows.
MOST_TIMES = 4


# By somebody outside, such as the host that is out of memory. A malformed stream ends it otherwise.
KILLED = (-signal.SIGKILL, -signal.SIGTERM)


class ReaderKilled(Exception):
    """The process was killed while it read a stream."""


class ArrowProcess:
    """The process of one worker, started with the first stream, and again after it has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = BoundedPool("arrow", MOST_WAITING, threads=1)
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: StreamRead | None = None
        self._waiting: deque[StreamRead] = deque()
        self._closed = False

    async def rows(
        self, body: bytes, within_s: float, loop: asyncio.AbstractEventLoop
    ) -> list[msgspec.Raw]:
        """The rows of a stream as raw JSON.

        Raises Problem 400, 413, 415 without pyarrow, 503 also where the process was killed, 504
        after `within_s`."""
        if find_spec("pyarrow") is None:
            raise Problem(415, "this router has no pyarrow: send the rows as JSON")

        read = StreamRead(self._head(body), body)
        self._waiting.append(read)
        read.timer = loop.call_later(within_s, self._give_up, read, loop)
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
            read.timer.cancel()
            self._forget(read)

        if read.late:
            raise _too_late(within_s)

        return rows

    def close(self) -> None:
        """End the process, after the last stream."""
        self._closed = True
        self._kill()
        self._end()

    def _give_up(self, read: StreamRead, loop: asyncio.AbstractEventLoop) -> None:
        """End the process where it reads this stream: another caller's is none of its business.

        Look again where it does not: the stream may have been sent with others before it."""
        read.late = True
        if self._reading is read:
            # Its pipes are closed by the thread that reads them.
            self._kill()
        else:
            read.timer = loop.call_later(LOOK_AGAIN_S, self._give_up, read, loop)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _exchange(self, read: StreamRead) -> list[msgspec.Raw]:
        """The rows of one stream, in a thread: it may have been read with those before it.

        Raises OSError, EOFError, ReaderKilled, Problem."""
        while not read.is_done:
            self._read_some(read)

        if read.fault is not None:
            raise read.fault

        assert read.rows is not None
        return read.rows

    def _read_some(self, first: StreamRead) -> None:
        """Read this stream, and with it small ones that wait: the process reads the next one while
        a reply is on its way. Where it dies, the others go back.
        """
        if first.late or self._closed:
            first.fault = ReaderKilled() if first.was_killed or self._closed else EOFError()
            return

        process = self._running()
        sent = deque(self._taken(first, pipe_bytes(process)))
        self._reading = first
        # Where it dies meanwhile, its replies tell at which one.
        with suppress(OSError):
            send(process, sent)

        try:
            while sent:
                self._reading = sent[0]
                take_reply(process, sent[0])
                sent.popleft()
        except (OSError, EOFError) as error:
            # It has closed its pipes, so it is at its end.
            _note_death(sent.popleft(), process.wait(), error)
            self._waiting.extendleft(reversed(sent))
        except Exception:
            # What it still says would be taken for the replies to other streams.
            process.kill()
            self._end()
            raise
        finally:
            self._reading = None

    def _taken(self, first: StreamRead, most_bytes: int) -> list[StreamRead]:
        """A stream, and those that wait and can be sent with it at once, without a reader."""
        self._forget(first)
        streams, size = [first], first.size
        while size <= most_bytes and len(streams) < MOST_TOGETHER and not first.was_killed:
            try:
                following = self._waiting.popleft()
            except IndexError:
                break

            size += following.size
            if size > most_bytes or following.was_killed or following.late:
                self._waiting.appendleft(following)
                break

            streams.append(following)

        return streams

    def _forget(self, read: StreamRead) -> None:
        """It waits no more: it is read, or its call was refused or cancelled."""
        with suppress(ValueError):
            self._waiting.remove(read)

    def _head(self, body: bytes) -> bytes:
        limits = self._limits
        task = ReadTask(
            len(body),
            most_unpacked(len(body), limits.max_body_bytes),
            limits.max_rows,
            limits.max_row_bytes,
            MOST_TIMES * limits.max_body_bytes,
        )
        return msgspec.json.encode(task) + b"\n"

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = start_reader()

        return self._process

    def _end(self) -> None:
        """Forget a process that has ended or is killed."""
        process, self._process = self._process, None
        if process is not None:
            end_reader(process)


def _note_death(read: StreamRead, code: int, error: Exception) -> None:
    """The outcome of the stream at which the process died: none yet if it was killed from outside
    for the first time.
    """
    if code not in KILLED:
        read.fault = error
    elif read.late or read.was_killed:
        read.fault = ReaderKilled()
    else:
        read.was_killed = True


def _too_late(within_s: float) -> Problem:
    return Problem(504, f"no answer within the deadline of {within_s:.3g} s")
