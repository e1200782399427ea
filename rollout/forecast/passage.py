"""How many requests a bet takes to reach its level: the whole distribution, by counting.

Requests come in three kinds: plain ones, and two rare ones that move the capital far. The plain
ones raise it steadily; the numbers of the rare ones are Poisson. So the capital depends on three
counts, and the chance of each pair of rare counts is carried from one number of requests to the
next, without those that have reached the level. The inverse Gaussian of sequential.py takes over
where the rare kinds are too many to be counted; jumps are small then, as it assumes."""

import math
from dataclasses import dataclass

import numpy as np

from rollout.forecast.likely import evenly_likely
from rollout.verdict.sequential import NATS_OF_NOT_KNOWING, Array, first_passage

POINTS = 100
"""Numbers of requests at which the chance is computed."""
MOST_COUNTED = 400
"""The largest count of a rare kind that is followed."""
BEYOND = 1.5
"""The last of the points, as a part of the inverse Gaussian's 99 % quantile."""
_DEVIATES = np.array(evenly_likely(9))
_LARGEST = 220.0
_QUANTILES = np.linspace(0.005, 0.995, POINTS)


@dataclass(frozen=True)
class Bets:
    """J bets whose mean counts, on requests that are plain, worse or better.

    worse, better: their chances a request; factors: log factors (3, J) of plain, worse and better
    ones.
    """

    worse: float
    better: float
    factors: Array

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the log factor of a request, of the best of the bets."""
        chances = np.array([1 - self.worse - self.better, self.worse, self.better])
        drifts = chances @ self.factors
        best = int(drifts.argmax())
        drift = float(drifts[best])
        variance = float(chances @ self.factors[:, best] ** 2) - drift**2
        return drift, math.sqrt(max(variance, 1e-300))


@dataclass(frozen=True)
class Passage:
    """The chance that the level is reached, by the number of requests; both rise."""

    requests: Array
    chances: Array

    def chance(self, mean: float) -> float:
        """That it is reached within a Poisson number of requests of this mean."""
        if not len(self.requests):
            return 0.0

        numbers = mean + _DEVIATES * math.sqrt(mean)
        return float(np.interp(numbers, self.requests, self.chances).mean())

    def median(self) -> float:
        """Within which it is reached in half of the cases; inf if never."""
        if not len(self.requests) or self.chances[-1] < 0.5:
            return math.inf
        return float(np.interp(0.5, self.chances, self.requests))


NEVER = Passage(np.empty(0), np.empty(0))


def passage(bets: Bets, level: float) -> Passage:
    """When the mean of the bets has won `level`, a log capital."""
    drift, spread = bets.moments()
    if drift <= 0:
        return NEVER

    above = level + NATS_OF_NOT_KNOWING
    horizon = BEYOND * first_passage(0.99, above, drift, spread)
    sizes = [_most(horizon * chance) for chance in (bets.worse, bets.better)]
    if max(sizes) > MOST_COUNTED:
        points = [first_passage(quantile, above, drift, spread) for quantile in _QUANTILES]
        return Passage(np.concatenate([[0.0], points]), np.concatenate([[0.0], _QUANTILES]))

    return _counted(bets, level, horizon, sizes)


def _most(mean: float) -> int:
    """A count that a Poisson number of this mean hardly ever reaches."""
    return math.ceil(mean + 5 * math.sqrt(mean) + 5)


def _counted(bets: Bets, level: float, horizon: float, sizes: list[int]) -> Passage:
    step = horizon / POINTS
    plain, by_worse, by_better = bets.factors
    won_by_worse = _power(np.outer(np.arange(sizes[0]), by_worse - plain))
    won_by_better = _power(np.outer(by_better - plain, np.arange(sizes[1])))
    more_worse, more_better = _poisson(bets.worse * step), _poisson(bets.better * step)
    needed = len(plain) * math.exp(level)
    chance = np.zeros(sizes)
    chance[0, 0], passed = 1.0, [0.0]
    for number in range(1, POINTS + 1):
        chance = _moved(_moved(chance, more_worse).T, more_better).T
        capital = (won_by_worse * _power(number * step * plain)) @ won_by_better
        reached = capital >= needed
        passed.append(passed[-1] + float(chance[reached].sum()))
        chance[reached] = 0.0

    return Passage(step * np.arange(POINTS + 1), np.array(passed))


def _power(exponents: Array) -> Array:
    """Exponentials, none so large that a product of three is no number."""
    return np.exp(np.minimum(exponents, _LARGEST))


def _poisson(mean: float) -> list[float]:
    """Chances of 0, 1, 2 ... events."""
    if mean <= 0:
        return [1.0]

    logs = [n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(_most(mean))]
    return list(map(math.exp, logs))


def _moved(chance: Array, more: list[float]) -> Array:
    """Chances by count, along the first axis, after so many more events with these chances."""
    after = more[0] * chance
    for events, part in enumerate(more[1 : len(chance)], 1):
        after[events:] += part * chance[:-events]

    return after
