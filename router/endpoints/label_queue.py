"""The queue of /feedback: small calls first, then the parts of large calls in turn.

One thread reads, and pauses after each part for as long as that took: half of the time is left for
other work of this process, and for other writers of labels."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from router.evidence.labels import AT_ONCE, MOST_LABELS
from router.problems import Problem

SMALL_BYTES = 64 * 1024
"""A small call has at most these bytes and 250 labels."""
# An entry has two values.
SMALL_VALUES = 2 * AT_ONCE
MOST_VALUES = 2 * MOST_LABELS
"""The largest number of values of a call: no more are read."""
MOST_WAITING = 6 * MOST_VALUES
"""Values of all waiting calls together; large calls may have three quarters of them."""
MOST_IN_A_ROW = 16
"""Small calls after which a large one has a turn."""
T = TypeVar("T")
Part = tuple[Callable[[], object], "asyncio.Future[object]"]


class LabelQueue:
    """The queue. Belongs to one event loop. waiting: values of the calls in progress."""

    def __init__(self) -> None:
        self.waiting = 0
        self._small: deque[Part] = deque()
        self._large: deque[Part] = deque()
        self._small_came = asyncio.Event()
        self._in_a_row = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self._serving: asyncio.Task[None] | None = None

    @contextmanager
    def reserve(self, body: bytes) -> Iterator[bool]:
        """Reserve room for a call and yield whether it is small; raises Problem 503."""
        # Commas separate values; those within strings make a call look a little larger.
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
        """Whether there is room for the largest call."""
        return self.waiting + MOST_VALUES <= MOST_WAITING - MOST_WAITING // 4

    async def run(self, work: Callable[[], T], small: bool) -> T:
        """Call `work` in its turn; returns its result or raises its error."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        queue = self._small if small else self._large
        queue.append((work, done))  # type: ignore[arg-type]
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
            queue = self._small if small else self._large
            work, done = queue.popleft()
            if done.done():
                continue  # The client has disconnected.

            began = loop.time()
            reading = loop.run_in_executor(self._thread, work)
            await asyncio.wait((reading,))
            _pass_on(reading, done)
            await self._pause(loop.time() - began, small)

    async def _pause(self, seconds: float, small: bool) -> None:
        """Pause; after a part of a large call, a small call ends the pause."""
        if small:
            await asyncio.sleep(seconds)
        elif not self._small:
            self._small_came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._small_came.wait(), seconds)


def no_room() -> Problem:
    """503 if too many labels are waiting."""
    return Problem(503, "too many labels are waiting: send these again", retry_after_s=1)


def _pass_on(reading: "asyncio.Future[object]", done: "asyncio.Future[object]") -> None:
    """Give the outcome of a part to its call, if the client is still connected."""
    error = reading.exception()
    if done.done():
        return

    if error is None:
        done.set_result(reading.result())
    else:
        done.set_exception(error)
