"""Limits the bytes that the requests of one worker hold together.

Where they hold too many, requests that still wait for their client are evicted, the oldest first:
an honest client has sent its body long before it is the oldest. A request that is being answered is
never evicted."""

import ctypes
import gc
from typing import Protocol

SMALL_BYTES = 64 * 1024
"""Requests of at most this size may use all of the budget, larger ones three quarters of it."""
TRIM_BYTES = 8 * 1024 * 1024
RETRY_AFTER_S = 1


class Holder(Protocol):
    """A connection whose request or unread answer holds bytes."""

    @property
    def unfinished(self) -> bool:
        """Whether it waits for its client, so that it may be evicted."""

    def evict(self) -> None:
        """Abandon the request; its bytes are released before this returns."""


class ByteBudget:
    """Counts the bytes held by each request of one worker. Belongs to one event loop.

    most: the limit in bytes. held: bytes now. A request that `change` refused may still receive one
    more piece."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        # In the order in which they began to hold anything.
        self._sizes: dict[Holder, int] = {}
        self._highest = 0

    def change(self, holder: Holder, size: int) -> bool:
        """Record that `holder` now holds `size` bytes.

        Returns False where they exceed the limit even after others were evicted."""
        before = self._sizes.get(holder, 0)
        self.held += size - before
        if not size:
            self._sizes.pop(holder, None)
            return True

        self._sizes[holder] = size
        self._highest = max(self._highest, self.held)
        if size < before:
            return True

        room = self.most if size <= SMALL_BYTES else self.most - self.most // 4
        return self.held <= room or self._make_room(holder, room)

    def release(self, holder: Holder) -> None:
        """Record that `holder` holds nothing any more."""
        self.held -= self._sizes.pop(holder, 0)

    def fell(self) -> bool:
        """Whether memory can be returned to the system.

        True once for each fall by TRIM_BYTES from the highest count."""
        if self._highest - self.held < TRIM_BYTES:
            return False

        self._highest = self.held
        return True

    def _make_room(self, newest: Holder, room: int) -> bool:
        # More than is needed, so that not every piece that arrives looks through all requests.
        enough = room - room // 8
        for holder in list(self._sizes):
            if self.held <= enough:
                break

            if holder is not newest and holder.unfinished:
                holder.evict()

        return self.held <= room


def return_memory() -> None:
    """Collect garbage, and make glibc return freed memory to the system."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
