"""Counts of compared rows that can be added up in any order."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class RowTally:
    """Rows of one kind. changed: of them; known: those whose distance is a number.

    mean: of the known distances; squares: the sum of their squared deviations from it.
    """

    rows: int = 0
    changed: int = 0
    known: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def share(self) -> float:
        """Of its rows that changed."""
        return self.changed / max(1, self.rows)

    @property
    def spread(self) -> float:
        """The standard deviation of the known distances."""
        return sqrt(self.squares / max(1, self.known))

    def __add__(self, other: "RowTally") -> "RowTally":
        """Both together (Chan et al. 1979)."""
        known = self.known + other.known
        step = other.mean - self.mean
        share = other.known / max(1, known)
        return RowTally(
            self.rows + other.rows,
            self.changed + other.changed,
            known,
            self.mean + step * share,
            self.squares + other.squares + step * step * share * self.known,
        )


def tally(rows: Iterable[tuple[bool, float | None]]) -> RowTally:
    """Of each row whether it changed, and its distance or None."""
    total = RowTally()
    for changed, distance in rows:
        known = distance is not None
        total += RowTally(1, int(changed), int(known), distance or 0.0)

    return total
