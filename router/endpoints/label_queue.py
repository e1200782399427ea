"""Whose labels are read next: those of small calls first, the parts of large ones in turn.

What is read takes one thread, and as long a pause after each part as that took: whoever else works
in this process, or writes labels, has half of the time."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from router.evidence.labels import AT_ONCE, MOST_LABELS
from router.problems import Problem

SMALL_BYTES = 64 * 1024
"""A call of at most so many bytes, and 250 labels, is small."""
# An entry has two values.
SMALL_VALUES = 2 * AT_ONCE
MOST_VALUES = 2 * MOST_LABELS
"""A call counts as at most so many: no more are read of it."""
MOST_WAITING = 6 * MOST_VALUES
"""Values of all calls that wait together; large calls may be three quarters of them."""
MOST_IN_A_ROW = 16
"""After so many small calls a large one has a turn."""
T = TypeVar("T")
Part = tuple[Callable[[], object], "asyncio.Future[object]"]


class LabelQueue:
    """Belongs to one event loop. waiting: values of the calls under way."""

    def __init__(self) -> None:
        self.waiting = 0
        self._small: deque[Part] = deque()
        self._large: deque[Part] = deque()
        self._small_came = asyncio.Event()
        self._in_a_row = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self._serving: asyncio.Task[None] | None = None

    @contextmanager
    def place(self, body: bytes) -> Iterator[bool]:
        """A place for a call, which tells whether it is small; raises Problem 503 where too much
        waits.
        """
        # Commas separate values; those within texts make a call a little larger than it is.
        values = min(1 + body.count(b","), MOST_VALUES)
        small = values <= SMALL_VALUES and len(body) <= SMALL_BYTES
        room = MOST_WAITING if small else MOST_WAITING - MOST_WAITING // 4
        if self.waiting + values > room:
            raise no_room()

        self.waiting += values
        try:
            yield small
        finally:
            self.waiting -= values

    @property
    def takes_largest(self) -> bool:
        """Whether the largest call would find a place."""
        return self.waiting + MOST_VALUES <= MOST_WAITING - MOST_WAITING // 4

    async def run(self, work: Callable[[], T], small: bool) -> T:
        """What `work` returns or raises, when it is its turn."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        (self._small if small else self._large).append((work, done))  # type: ignore[arg-type]
        if small:
            self._small_came.set()
        if self._serving is None or self._serving.done():
            self._serving = loop.create_task(self._serve())

        return await done

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while self._small or self._large:
            small = bool(self._small) and not (self._large and self._in_a_row >= MOST_IN_A_ROW)
            self._in_a_row = self._in_a_row + 1 if small else 0
            work, done = (self._small if small else self._large).popleft()
            if done.done():
                continue  # Its client has gone.

            began = loop.time()
            reading = loop.run_in_executor(self._thread, work)
            await asyncio.wait((reading,))
            _pass_on(reading, done)
            await self._pause(loop.time() - began, small)

    async def _pause(self, seconds: float, small: bool) -> None:
        """After a large part a small call ends it."""
        if small:
            await asyncio.sleep(seconds)
        elif not self._small:
            self._small_came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._small_came.wait(), seconds)


def no_room() -> Problem:
    """503 where too many labels wait."""
    return Problem(503, "as many labels wait already as may: send these again", retry_after_s=1)


def _pass_on(reading: "asyncio.Future[object]", done: "asyncio.Future[object]") -> None:
    """Tell the call, if its client is still there, what became of its part."""
    error = reading.exception()
    if done.done():
        return
    if error is None:
        done.set_result(reading.result())
    else:
        done.set_exception(error)
