"""Large bodies are read a piece at a time, one a round of the event loop, so that small requests
get through.
"""

import asyncio
from collections import deque
from collections.abc import Callable

PIECE_BYTES = 32 * 1024
"""A piece of at least this size makes its connection wait for its next turn."""
PIECES = 1
"""So many connections are read from in one round of the event loop."""


class ReadTurns:
    """The connections of one worker that wait until they may be read from again. Belongs to one
    event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, read_on: Callable[[], None]) -> None:
        """Call `read_on` when it is this connection's turn, in the next round of the loop at the
        earliest.
        """
        if not self._waiting:
            self.loop.call_soon(self._next)
        self._waiting.append(read_on)

    def _next(self) -> None:
        read_on = self._waiting.popleft()
        if self._waiting:
            self.loop.call_soon(self._next)
        # Last: it may take its next turn at once.
        read_on()
