"""Large bodies are read a piece at a time, one a round of the event loop, so that small requests
get through.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

PIECE_BYTES = 32 * 1024
"""A piece of at least this size makes its connection wait for its next turn."""


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


class ReadingPauses:
    """Why a connection is not read from now; it is read from again once no reason is left."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._reasons: set[str] = set()

    def __contains__(self, reason: str) -> bool:
        return reason in self._reasons

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def add(self, reason: str) -> None:
        """Stop reading, if that is the first reason."""
        if not self._reasons:
            self._transport.pause_reading()
        self._reasons.add(reason)

    def remove(self, reason: str) -> None:
        """Read on, if that was the last reason and the connection is still open."""
        if reason not in self._reasons:
            return

        self._reasons.remove(reason)
        if not self._reasons and not self._transport.is_closing():
            self._transport.resume_reading()

    def clear(self) -> None:
        """Read on, whatever the reasons were."""
        for reason in list(self._reasons):
            self.remove(reason)
