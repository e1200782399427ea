"""Finds the largest rate that keeps the limits: doubles, then halves what is between. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

MOST_STEPS = 40
"""After so many the search ends with what is known."""
PRECISION = 1.05
GROWTH = 2.0


@dataclass(frozen=True)
class SearchStep:
    """One rate that was tried, and whether it kept the limits."""

    rate: float
    kept: bool


def next_rate(steps: Sequence[SearchStep], first: float, most: float) -> float | None:
    """The rate to try next; None where the limit is known to 5 %.

    A rate counts as too much only after it broke the limits twice: one stall of the machine is not
    the limit. most: is never exceeded."""
    if len(steps) >= MOST_STEPS:
        return None
    if steps and not steps[-1].kept and steps.count(steps[-1]) == 1:
        return steps[-1].rate

    low, high = kept_rate(steps), broken_rate(steps)
    if high is None:
        if low >= most:
            return None
        return min(most, low * GROWTH if low else first)

    if low == 0.0:
        return high / GROWTH if high > 1.0 else None
    if high / low <= PRECISION:
        return None
    return sqrt(low * high)


def kept_rate(steps: Sequence[SearchStep]) -> float:
    """The largest rate that kept the limits, below what broke them; 0 where none did."""
    high = broken_rate(steps)
    kept = [step.rate for step in steps if step.kept and (high is None or step.rate < high)]
    return max(kept, default=0.0)


def broken_rate(steps: Sequence[SearchStep]) -> float | None:
    """The smallest rate that broke the limits twice and never kept them."""
    kept = {step.rate for step in steps if step.kept}
    broken = [step.rate for step in steps if not step.kept]
    twice = [rate for rate in broken if broken.count(rate) > 1 and rate not in kept]
    return min(twice, default=None)
