"""What became of requests, as arrays of the generator's chunks. Pure."""

from dataclasses import dataclass

import numpy as np

from load.engine.plan import COLUMN_TYPES, LOST, RETRY_AFTER, UNANSWERED, WAITED

KINDS = ("ok", "shed", "refused", "failed", "lost")
OK, SHED, REFUSED, FAILED, NO_ANSWER = range(len(KINDS))
"""Places in KINDS."""


@dataclass(frozen=True)
class RequestColumns:
    """Requests that have ended, a place each.

    intended, sent, answered: seconds since the start, -1 where it never came. status: of HTTP, 0
    for a lost connection, -1 without an answer. version: a place in the chunk's list, -1 without.
    """

    intended: np.ndarray
    sent: np.ndarray
    answered: np.ndarray
    status: np.ndarray
    version: np.ndarray
    flags: np.ndarray

    def where(self, chosen: np.ndarray) -> "RequestColumns":
        """Some of them, by a mask."""
        return RequestColumns(*(getattr(self, name)[chosen] for name in _names()))

    def __len__(self) -> int:
        return len(self.intended)

    @property
    def latency(self) -> np.ndarray:
        """From the intended start to the answer, in seconds."""
        latency: np.ndarray = self.answered - self.intended
        return latency

    @property
    def own_delay(self) -> np.ndarray:
        """Of those for which a connection was free: from the intended start to the sending, which
        is the generator's own fault.
        """
        free = (self.flags & WAITED) == 0
        delay: np.ndarray = (self.sent - self.intended)[free]
        return delay

    def kinds(self) -> np.ndarray:
        """The place in KINDS of each: shed is a 503 with Retry-After."""
        status = self.status
        shed = (status == 503) & ((self.flags & RETRY_AFTER) > 0)
        silent = (status == LOST) | (status == UNANSWERED)
        conditions = [status == 200, shed, silent, status >= 500]
        return np.select(conditions, [OK, SHED, NO_ANSWER, FAILED], default=REFUSED)


def columns_of(columns: list[bytes]) -> RequestColumns:
    """The columns of a chunk."""
    arrays = map(np.frombuffer, columns, COLUMN_TYPES)
    return RequestColumns(*arrays)


def together(parts: list[list[bytes]]) -> RequestColumns:
    """The columns of several chunks, in the order in which the requests fell due."""
    joined = columns_of([b"".join(column) for column in zip(*parts, strict=True)])
    order = np.argsort(joined.intended, kind="stable")
    return joined.where(order)


def _names() -> tuple[str, ...]:
    return tuple(RequestColumns.__dataclass_fields__)
