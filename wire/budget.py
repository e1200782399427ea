"""The bytes of unfinished and waiting requests that one worker may hold, and who gives way when
they are too many.

Requests that still wait for their client give way first, the oldest first: an honest client has
sent its body long before it is the oldest. A request that is being answered never gives way."""

import ctypes
import gc
from typing import Protocol

SMALL_BYTES = 64 * 1024
"""Requests of at most this size may use all of the budget, larger ones three quarters of it."""
TRIM_BYTES = 8 * 1024 * 1024
RETRY_AFTER_S = 1


class Holder(Protocol):
    """A request, or an unread answer, that holds bytes."""

    @property
    def unfinished(self) -> bool:
        """Whether it waits for its client, so that it may be given up."""

    def evict(self) -> None:
        """Give it up; it releases its bytes before this returns."""


class ByteBudget:
    """Counts the bytes held by each request of one worker. Belongs to one event loop.

    most: bytes at most; held: bytes now. Bytes on which `change` said no may still arrive in one
    more piece each."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        # In the order in which they began to hold anything.
        self._by: dict[Holder, int] = {}
        self._highest = 0

    def change(self, holder: Holder, size: int) -> bool:
        """Note that `holder` now holds `size` bytes; False where there is no room even after others
        gave way.
        """
        before = self._by.get(holder, 0)
        self.held += size - before
        if not size:
            self._by.pop(holder, None)
            return True

        self._by[holder] = size
        self._highest = max(self._highest, self.held)
        if size < before:
            return True

        room = self.most if size <= SMALL_BYTES else self.most - self.most // 4
        return self.held <= room or self._make_room(holder, room)

    def release(self, holder: Holder) -> None:
        """`holder` holds nothing any more."""
        self.held -= self._by.pop(holder, 0)

    def fell(self) -> bool:
        """Whether much less is held than since this last said so: memory can be given back to the
        system.
        """
        if self._highest - self.held < TRIM_BYTES:
            return False
        self._highest = self.held
        return True

    def _make_room(self, newest: Holder, room: int) -> bool:
        # More than is needed, so that not every piece that arrives looks through all requests.
        enough = room - room // 8
        for holder in list(self._by):
            if self.held <= enough:
                break
            if holder is not newest and holder.unfinished:
                holder.evict()

        return self.held <= room


def give_back_memory() -> None:
    """Return freed memory to the system: what only the garbage collector finds, and what glibc
    keeps.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
