"""Waiting for a condition within one event loop."""

import asyncio
from collections.abc import Callable


class Condition:
    """Rung after each change; whoever waits looks again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake all that wait."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], object], seconds: float | None) -> bool:
        """Whether the condition came true within `seconds`, of real time (None: for ever)."""
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while not condition():
            left = None if end is None else end - loop.time()
            if left is not None and left <= 0:
                return False
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait([future], timeout=left)
            finally:
                self._waiting.discard(future)

        return True
