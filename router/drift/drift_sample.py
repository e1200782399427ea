"""A sample of users' rows and of the answers to them, until they are counted a moment later.

Whether a request is in it depends on when it came alone: on no version, no outcome and no value. So
what is in it is as mixed as what users send, and the same for both versions of a rollout. Copies,
pinned requests and those that are no users' are not in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import msgspec

MOST_OF_REQUEST = 16
"""Rows of one request: so one caller of many is not most of the sample."""
LARGEST_ROW = 16_384
BURST_S = 0.25
"""After a pause so much of the rate may come at once."""
MOST_WAIT_S = 2.0
"""More than comes in this time is not kept: who counts is away."""
MOST_BYTES = 4 * 1024 * 1024
"""Of rows and answers that wait to be counted."""


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One row. version: that was drawn for it.

    rollout, weight: of the rollout in which this is the first row of a unit; 0 where it is none.
    """

    raw: bytes
    version: str
    rollout: int = 0
    weight: int = 0


class DriftSample:
    """The sample of one worker. rows_per_s: at most, on average; 0 for none."""

    def __init__(self, rows_per_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._rate = clock, rows_per_s
        self._next_at = float("-inf") if rows_per_s else float("inf")
        self._most, self._bytes = int(rows_per_s * MOST_WAIT_S), 0
        self._rows: list[SampledRow] = []
        self._answers: list[tuple[str, bytes]] = []

    def take(
        self, rows: Sequence[msgspec.Raw], version: str, rollout: int, weight: int
    ) -> Sequence[int] | None:
        """The numbers of the rows that are kept of a request; None where it is not in the sample.

        rollout, weight: as of a SampledRow, for one row of the request: its rows are drawn once.
        """
        now = self._clock()
        if now < self._next_at:
            return None

        taken = _spread(len(rows))
        self._next_at = max(self._next_at, now - BURST_S) + len(taken) / self._rate
        for number in taken:
            if self._has_room(rows[number], len(self._rows)):
                # A copy, since a raw row refers to the whole body.
                row = SampledRow(bytes(rows[number]), version, rollout, weight)
                self._rows.append(row)
                rollout = weight = 0

        return taken

    def answered(self, version: str, answers: Sequence[msgspec.Raw], taken: Sequence[int]) -> None:
        """Keep the answers to the rows that were taken of a request."""
        for number in taken:
            if self._has_room(answers[number], len(self._answers)):
                self._answers.append((version, bytes(answers[number])))

    def drain(self) -> tuple[list[SampledRow], list[tuple[str, bytes]]]:
        """All rows, and all answers by version; they are forgotten here."""
        rows, answers = self._rows, self._answers
        self._rows, self._answers, self._bytes = [], [], 0
        return rows, answers

    def _has_room(self, raw: msgspec.Raw, kept: int) -> bool:
        """Whether one more is kept beside so many, whose bytes then count."""
        size = len(memoryview(raw))
        if size > LARGEST_ROW or kept >= self._most or self._bytes + size > MOST_BYTES:
            return False

        self._bytes += size
        return True


def _spread(rows: int) -> Sequence[int]:
    """Evenly spread numbers of rows."""
    if rows <= MOST_OF_REQUEST:
        return range(rows)

    return range(0, rows, -(-rows // MOST_OF_REQUEST))
