"""How far two distributions are apart: a size, with what chance alone would give, and no p-value.

With enough rows every difference is beyond chance, and with few rows chance looks like one. So the
size is shown, and it is marked only where it is beyond a tolerance on top of chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, lgamma
from math import log as log_of
from typing import Protocol

import numpy as np

TOLERANCE = 0.1
"""Share of the rows in other bins, beyond chance, from which on a name is marked."""
SPREADS = 3
"""With few rows it has to be beyond chance by so many of its standard deviations too."""
MOSTLY_UNSEEN = 0.5


@dataclass(frozen=True)
class Drift:
    """distance: total variation, the share of the rows that would have to move to other bins to
    be distributed as before. chance, spread: its mean and standard deviation for so many rows where
    nothing changed.
    unseen, nulls: shares of the rows that are in no bin, and null; nulls_before: as it was.
    """

    distance: float
    chance: float
    spread: float
    unseen: float
    nulls: float
    nulls_before: float

    @property
    def marked(self) -> bool:
        """Whether somebody should look at it."""
        return self.distance - self.chance > max(TOLERANCE, SPREADS * self.spread)

    @property
    def word(self) -> str:
        """What it is called."""
        if self.unseen > MOSTLY_UNSEEN:
            return "beyond what was seen"

        return "moved" if self.marked else "as before"


class Binned(Protocol):
    """Values of one name, counted in bins; nulls and values in no bin are counted too."""

    @property
    def rows(self) -> int:
        """How many values were counted."""

    @property
    def shares(self) -> Sequence[float]:
        """Of each bin, the nulls last."""

    @property
    def unseen(self) -> int:
        """Values that are in no bin."""

    @property
    def nulls(self) -> int:
        """Nulls."""


def drift(before: Binned, now: Binned) -> Drift | None:
    """Of two distributions in the same bins; None where one of them has no rows."""
    if not before.rows or not now.rows:
        return None

    old, new = np.array(before.shares), np.array(now.shares)
    deviations = np.hypot(_deviations(old, now.rows), _deviations(old, before.rows))
    variances = old * (1 - old) * (1 / before.rows + 1 / now.rows) - deviations**2
    return Drift(
        distance=float(np.abs(old - new).sum() / 2),
        chance=float(deviations.sum() / 2),
        spread=float(np.sqrt(np.maximum(variances, 0.0).sum()) / 2),
        unseen=now.unseen / now.rows,
        nulls=now.nulls / now.rows,
        nulls_before=before.nulls / before.rows,
    )


def _deviations(shares: np.ndarray, rows: int) -> np.ndarray:
    """The mean absolute deviation of each bin's share of so many rows (De Moivre's formula)."""
    return np.array(list(map(partial(_deviation, rows), shares.tolist())))


def _deviation(rows: int, share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0

    least = int(rows * share) + 1
    log = (
        lgamma(rows + 1)
        - lgamma(least + 1)
        - lgamma(rows - least + 1)
        + least * log_of(share)
        + (rows - least + 1) * log_of(1 - share)
    )
    return 2 * least * exp(log) / rows
