"""Thread pools with bounded queues for work on large bodies, which would block the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from router.problems import Problem

LARGE_BODY = 64 * 1024
"""Larger bodies are scanned before they are decoded, and decompressed in a pool of their own."""
T = TypeVar("T")


class BoundedPool:
    """Threads for one kind of work. Belongs to one event loop.

    most_waiting: calls in progress and waiting together; more are refused with 503.
    """

    def __init__(self, name: str, most_waiting: int, threads: int = 2) -> None:
        self.most_waiting = most_waiting
        self.waiting = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function` in a thread; raises Problem 503 where too many calls wait."""
        if self.waiting >= self.most_waiting:
            raise Problem(
                503,
                f"{self.waiting} large bodies are waiting already: send this one again, or in "
                "smaller parts",
                retry_after_s=1,
            )

        loop = asyncio.get_running_loop()
        self.waiting += 1
        try:
            return await loop.run_in_executor(self._threads, function, *arguments)
        finally:
            self.waiting -= 1


SMALL_DECOMPRESSION_POOL = BoundedPool("decompress", 256)
"""Decompresses bodies of at most LARGE_BODY bytes after decompression."""
LARGE_DECOMPRESSION_POOL = BoundedPool("decompress-large", 16)
SCAN_POOL = BoundedPool("look", 64)
"""Scans large bodies before they are decoded."""
DECODE_POOL = BoundedPool("decode", 64)
"""Turns what is not rows yet (tensors, tables) into rows, and predictions into such answers."""
