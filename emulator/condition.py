"""Waiting for a condition within one event loop."""

import asyncio
import math
from collections.abc import Callable


class Condition:
    """Notified after each change; whoever waits then checks again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake all that wait."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], object], seconds: float | None) -> bool:
        """Whether the condition came true within `seconds`, of real time (None: without limit)."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (math.inf if seconds is None else seconds)
        while not condition():
            left = end - loop.time()
            if left <= 0:
                return False

            future: asyncio.Future[None] = loop.create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait([future], timeout=left if left < math.inf else None)
            finally:
                self._waiting.discard(future)

        return True
