"""Reads large bodies one piece per cycle of the event loop, so that small requests get through."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

PIECE_BYTES = 32 * 1024
"""After a piece of at least this size a connection waits for its next turn."""


class ReadTurns:
    """A queue of paused connections. Belongs to one worker and its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, read_on: Callable[[], None]) -> None:
        """Call `read_on` in its turn, at the earliest in the next cycle of the loop."""
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
    """The reasons why a connection is paused; reading resumes once none is left."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._reasons: set[str] = set()

    def __contains__(self, reason: str) -> bool:
        return reason in self._reasons

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def add(self, reason: str) -> None:
        """Pause for this reason."""
        if not self._reasons:
            self._transport.pause_reading()
        self._reasons.add(reason)

    def remove(self, reason: str) -> None:
        """Withdraw a reason, and resume if it was the last and the connection is still open."""
        if reason not in self._reasons:
            return

        self._reasons.remove(reason)
        if not self._reasons and not self._transport.is_closing():
            self._transport.resume_reading()

    def clear(self) -> None:
        """Withdraw all reasons."""
        for reason in list(self._reasons):
            self.remove(reason)
