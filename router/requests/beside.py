"""Work on bodies beside the event loop: in a few threads each kind, with a bounded queue before
them, so that large bodies hold up neither the loop nor small ones."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from router.problems import Problem

LARGE_BODY = 64 * 1024
"""Bodies of more bytes are looked through before they are taken apart, or unpacked behind the small
ones."""
T = TypeVar("T")


class Beside:
    """Threads for one kind of work. Belongs to one event loop.

    most_waiting: of what is under way and waits; beyond, 503.
    """

    def __init__(self, name: str, most_waiting: int, threads: int = 2) -> None:
        self.most_waiting, self.waiting = most_waiting, 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[..., T], *given: Any) -> T:
        """What `work` returns or raises; raises Problem 503 where too much waits already."""
        if self.waiting >= self.most_waiting:
            raise Problem(
                503,
                f"{self.waiting} large bodies wait to be read already: send this one again, or in "
                "smaller parts",
                retry_after_s=1,
            )

        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        finally:
            self.waiting -= 1


SMALL_PACKED = Beside("unpack", 256)
"""For bodies that unpack to at most LARGE_BODY."""
LARGE_PACKED = Beside("unpack-large", 16)
LOOKING = Beside("look", 64)
"""For a look through a large body before it is taken apart."""
