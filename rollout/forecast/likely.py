"""Numbers that stand for a whole distribution, each as likely as another."""

import math
from functools import lru_cache
from statistics import NormalDist


@lru_cache(maxsize=8)
def evenly_likely(count: int) -> tuple[float, ...]:
    """So many deviates of a standard normal distribution, in rising order."""
    middles = [(2 * number + 1) / (2 * count) for number in range(count)]
    return tuple(map(NormalDist().inv_cdf, middles))


def likely_rates(rate: float, seen: float, count: int) -> tuple[float, ...]:
    """Rates that would have shown `seen` events where this one was measured; inf: it is known."""
    if math.isinf(seen):
        return (rate,)
    return tuple(rate * _gamma(seen, deviate) / seen for deviate in evenly_likely(count))


def arrived(count: float, mean: float) -> float:
    """The chance that a Poisson number of this mean is at least `count`, whole or not."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0

    # Wilson and Hilferty: the cube root of a gamma number is nearly normal.
    root = (mean / count) ** (1 / 3)
    return NormalDist().cdf(3 * math.sqrt(count) * (root - 1 + 1 / (9 * count)))


def _gamma(shape: float, deviate: float) -> float:
    """The quantile of a gamma number at a standard normal's deviate; above 0."""
    root = 1 - 1 / (9 * shape) + deviate / (3 * math.sqrt(shape))
    return float(shape * max(root, 0.1) ** 3)
