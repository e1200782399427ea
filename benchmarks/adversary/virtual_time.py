"""An event loop and a clock in which seconds pass as fast as they can be computed."""

import heapq
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

EPOCH = 1_800_000_000.0
"""Epoch seconds at which each run begins."""


class VirtualLoop:
    """The part of an event loop that the router's dispatch uses. `run_until` calls what is due."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = 0

    def time(self) -> float:
        """Seconds since the run began."""
        return self.now

    def epoch(self) -> float:
        """Epoch seconds."""
        return EPOCH + self.now

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """As asyncio's, without a handle."""
        self.call_at(self.now, callback, *arguments)

    def call_later(self, seconds: float, callback: Callable[..., object], *arguments: Any) -> None:
        """As asyncio's, without a handle."""
        self.call_at(self.now + seconds, callback, *arguments)

    def call_at(self, when: float, callback: Callable[..., object], *arguments: Any) -> None:
        """As asyncio's, without a handle."""
        self._serial += 1
        heapq.heappush(self._due, (when, self._serial, callback, arguments))

    def run_until(self, when: float) -> None:
        """Let time pass, and call what falls due in its order."""
        while self._due and self._due[0][0] <= when:
            due, _, callback, arguments = heapq.heappop(self._due)
            self.now = max(self.now, due)
            callback(*arguments)

        self.now = max(self.now, when)


@contextmanager
def virtual(loop: VirtualLoop, seed: int) -> Iterator[None]:
    """Within it, the clocks are the loop's, and chance is that of the seed."""
    state = random.getstate()
    random.seed(seed)
    coin = random.Random(seed + 1)
    with (
        patch.object(time, "time", loop.epoch),
        patch.object(time, "monotonic", loop.time),
        patch.object(time, "perf_counter", loop.time),
        patch.object(os, "urandom", coin.randbytes),
    ):
        try:
            yield
        finally:
            random.setstate(state)
