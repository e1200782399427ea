"""Simulated outcomes of 100,000 requests in 60 minutes of which the candidate gets 5 %, drawn from
a seeded generator.

Tables are cumulative counts (..., looks, 2, levels): version (0 the candidate, 1 the stable one) by
level (of errors 0 good, 1 bad). Latencies are lognormal with a median of 60 ms and sigma 0.6, which
makes the 99th percentile 242 ms. Our own setting, not measured traffic: requests are alike and
independent, and the load is constant."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

CANDIDATE, STABLE = 0, 1
GOOD, BAD = 0, 1
REQUESTS = 100_000
MINUTES = 60
SHARE = 0.05

MEDIAN_MS = 60.0
SIGMA = 0.6
SLOWEST = 0.02
_SLOWEST_MS = MEDIAN_MS * float(np.exp(SIGMA * ndtri(1 - SLOWEST)))


def looks_after(looks: int = MINUTES, requests: int = REQUESTS) -> np.ndarray:
    """How many requests had come at each look (looks,), evenly apart; the last look sees all."""
    return np.round(np.linspace(0, requests, looks + 1)[1:]).astype(int)


def tables(
    rng: np.random.Generator,
    runs: int,
    candidate: float,
    stable: float,
    looks: int = MINUTES,
    share: float = SHARE,
    requests: int = REQUESTS,
) -> np.ndarray:
    """Cumulative tables (runs, looks, 2, 2) of runs in which the versions fail with these
    probabilities.
    """
    came = np.diff(looks_after(looks, requests), prepend=0)
    routed = rng.binomial(came, share, (runs, looks))
    both = np.stack([routed, came - routed], axis=-1)
    bad = rng.binomial(both, [candidate, stable])
    return np.cumsum(np.stack([both - bad, bad], axis=-1), axis=1)


def bad_rates(cumulative: np.ndarray) -> np.ndarray:
    """The rate of bad requests between each look and the one before (..., looks, 2), by version.

    NaN where a version had no request.
    """
    counts = np.diff(cumulative, axis=-3, prepend=0)
    total = counts.sum(-1)
    return np.asarray(counts[..., BAD] / np.where(total > 0, total, np.nan))


def unchanged(ms: np.ndarray) -> np.ndarray:
    """A candidate as fast as the stable version."""
    return ms


def slower(ms: np.ndarray) -> np.ndarray:
    """x1.2 for all."""
    return ms * 1.2


def slow_tail(ms: np.ndarray) -> np.ndarray:
    """The slowest 2 % twice as slow: the 99th percentile doubles, the 95th stays."""
    return np.where(ms > _SLOWEST_MS, 2 * ms, ms)


@dataclass(frozen=True)
class Latencies:
    """One run, a place a request in the order they came: version (requests,) and ms (requests,)."""

    version: np.ndarray
    ms: np.ndarray

    def tables(self, level: np.ndarray, levels: int, looks: int = MINUTES) -> np.ndarray:
        """Cumulative tables (looks, 2, levels) of a whole number from 0 that is known of each
        request.

        `latencies > limit` makes a table of slow requests of two levels, latency bins make
        histograms."""
        cell = self._cell(looks) * levels + level
        return (
            np.bincount(cell, minlength=looks * 2 * levels).reshape(looks, 2, levels).cumsum(axis=0)
        )

    def moments(self, looks: int = MINUTES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cumulative n, mean and variance (looks, 2) by version, for repeated_tests.welch.

        Each look needs two of each.
        """
        cell = self._cell(looks)
        powers = (
            np.bincount(cell, self.ms**power, looks * 2).reshape(looks, 2).cumsum(axis=0)
            for power in range(3)
        )
        n, total, squares = powers
        return n, total / n, (squares - total**2 / n) / (n - 1)

    def each_minute(
        self, statistic: Callable[[np.ndarray], float], minutes: int = MINUTES
    ) -> np.ndarray:
        """One value a minute and version (minutes, 2): `statistic` of its latencies, such as
        `np.mean` or `p99`.
        """
        cell = self._cell(minutes)
        ends = np.bincount(cell, minlength=minutes * 2).cumsum()[:-1]
        parts = np.split(self.ms[np.argsort(cell, kind="stable")], ends)
        return np.array([statistic(part) for part in parts]).reshape(minutes, 2)

    def _cell(self, looks: int) -> np.ndarray:
        """Look and version of each request as one number."""
        look = np.searchsorted(
            looks_after(looks, len(self.ms)), np.arange(len(self.ms)), side="right"
        )
        return np.asarray(look * 2 + self.version)


def latencies(
    rng: np.random.Generator,
    change: Callable[[np.ndarray], np.ndarray] = unchanged,
    share: float = SHARE,
    requests: int = REQUESTS,
) -> Latencies:
    """One run in which the candidate's latencies are `change` of what the stable version's would
    be.
    """
    drawn = rng.random(requests) < share
    ms = rng.lognormal(np.log(MEDIAN_MS), SIGMA, requests)
    return Latencies(np.where(drawn, CANDIDATE, STABLE), np.where(drawn, change(ms), ms))


def p99(ms: np.ndarray) -> float:
    """The 99th percentile, a latency that did occur."""
    return float(np.quantile(ms, 0.99, method="inverted_cdf"))
