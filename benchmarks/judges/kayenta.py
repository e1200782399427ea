"""Spinnaker's judge: a Mann-Whitney interval on one value a minute.

Written anew after spinnaker/kayenta (NetflixACAJudge, MannWhitneyClassifier, MannWhitney) and
Spinnaker's page "How canary judgment works". Its defaults: a metric fails where the whole 98 %
interval of the shift between the versions lies beyond a quarter of the estimated shift and the
means differ the same way. A single failed metric fails the score.

Values are not negative and have no gaps; outliers stay, as is the default.
"""

from typing import Literal

import numpy as np
from scipy.special import ndtri

Direction = Literal["increase", "decrease", "either"]
"""Which way the metric fails."""

CONFIDENCE = 0.98
TOLERANCE = 0.25
FIRST_MINUTE = 10


def first_failure(
    candidate: np.ndarray, stable: np.ndarray, direction: Direction, first: int = FIRST_MINUTE
) -> int | None:
    """The first minute, counted from 1, at which a judge who looks every minute from `first` on
    fails the candidate.

    candidate, stable: one value a minute (minutes,).
    """
    minutes = range(first, len(candidate) + 1)
    return next(
        (minute for minute in minutes if fails(candidate[:minute], stable[:minute], direction)),
        None,
    )


def fails(candidate: np.ndarray, stable: np.ndarray, direction: Direction) -> bool:
    """One look at all values so far."""
    low, estimate, high = shift(candidate, stable)
    beyond = TOLERANCE * abs(estimate)
    grew = bool(low > beyond and candidate.mean() >= stable.mean())
    fell = bool(high < -beyond and candidate.mean() <= stable.mean())
    return (grew and direction != "decrease") or (fell and direction != "increase")


def shift(candidate: np.ndarray, stable: np.ndarray) -> tuple[float, float, float]:
    """Low end, Hodges-Lehmann estimate and high end of candidate less stable.

    Kayenta searches the ends as roots of the standardised rank sum, with continuity correction and
    tie term, as R's wilcox.test does. That function only jumps at the differences between two
    values, so its roots are differences."""
    differences = np.sort(np.subtract.outer(candidate, stable), axis=None)
    pairs = len(differences)
    reach = ndtri((1 + CONFIDENCE) / 2) * _spread(candidate, stable) + 0.5
    left_out = max(0, int(np.ceil(pairs / 2 - reach)) - 1)
    return (
        float(differences[left_out]),
        float(np.median(differences)),
        float(differences[-1 - left_out]),
    )


def _spread(candidate: np.ndarray, stable: np.ndarray) -> float:
    """Standard deviation of the rank sum; at a shift between two differences only ties within a
    version are left.
    """
    values, pairs = len(candidate) + len(stable), len(candidate) * len(stable)
    tied = np.concatenate(
        [np.unique(sample, return_counts=True)[1] for sample in (candidate, stable)]
    )
    ties = float((tied.astype(float) ** 3 - tied).sum()) / (values * (values - 1))
    return float(np.sqrt(pairs / 12 * (values + 1 - ties)))
