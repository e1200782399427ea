"""Whether the rows of the two versions of a rollout have the same mix: an anytime test.

Who answers a unit is drawn by chance, whatever the unit sends. So what is in its first row says
nothing about which version was drawn. In each bin one bets on the draw: the capital is a fair game
as long as that is so, and one may look after every request. With `n` rows in a bin, `c` of them of
the candidate that was drawn with probability `p`, the capital is the beta-binomial probability of
`c` over its binomial one: bets that begin at `p` and follow the counts. Capitals of bins multiply,
since each row bets in one bin; capitals of columns are averaged, which is fair however they
depend on each other (Vovk and Wang 2021). Shafer, Shen, Vereshchagin and Vovk 2011: a fair capital
reaches 1/alpha with probability alpha at most, at whatever time one stops.

A hit is no finding about the model: the assignment, or what is joined to a row before it, is
broken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lgamma, log, log1p

import numpy as np

from rollout.state.split import ALL
from rollout.verdict.sequential import evenly_weighted

ALPHA = 0.001
"""How often at most, over a whole rollout, it is said of a sound assignment."""
NEEDED = log(1 / ALPHA)
CONCENTRATIONS = (10.0, 100.0, 1_000.0)
"""How many rows a bet waits before it follows the counts: the fewer, the larger the difference that
it is good at."""
Cell = tuple[int, int]
"""Rows of the candidate and of the stable version."""
Table = Mapping[int, Sequence[Cell]]
"""Cells by bin, for each weight of the candidate (basis points) that was in force."""


@dataclass(frozen=True)
class ColumnMix:
    """One column. evidence: log of the capital. candidate, stable: its rows. distance: share of
    them in other bins. bin: number of the one that differs most.
    """

    evidence: float
    candidate: int
    stable: int
    distance: float
    bin: int


def column_mix(table: Table) -> ColumnMix:
    """Of one column; all tables have the same bins."""
    if not table:
        return ColumnMix(0.0, 0, 0, 0.0, 0)

    pooled = np.array(list(table.values())).sum(axis=0)
    totals = pooled.sum(axis=0)
    gaps = np.abs(np.subtract(*(pooled / np.maximum(1, totals)).T))
    distance = float(gaps.sum() / 2) if totals.all() else 0.0
    candidate, stable = map(int, totals)
    return ColumnMix(evidence(table), candidate, stable, distance, int(gaps.argmax()))


def evidence(table: Table) -> float:
    """Log of the capital against the same mix; 0 without rows."""
    return float(evenly_weighted([_capital(table, size) for size in CONCENTRATIONS]))


def _capital(table: Table, size: float) -> float:
    total = 0.0
    for weight, cells in table.items():
        if 0 < weight < ALL:
            share = weight / ALL
            total += sum(_of_bin(own, other, share, size) for own, other in cells if own or other)

    return total


def _of_bin(candidate: int, stable: int, share: float, size: float) -> float:
    """Log of the beta-binomial over the binomial probability, without their common factor."""
    own, other = size * share, size * (1 - share)
    bets = _log_beta(own + candidate, other + stable) - _log_beta(own, other)
    return bets - candidate * log(share) - stable * log1p(-share)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
