"""The steps of a canary that suit its traffic."""

import math
from collections.abc import Sequence

from rollout.state.split import ALL

WITHIN_S = 3600.0
"""Within this time, the first step should meet so many requests of users."""
SLOW = 1.0
"""Requests a second below which a small first step takes longer than it is worth."""
HALF = ALL // 2
_PERCENT = ALL // 100


def fits(rate: float, first: int, step_requests: int) -> bool:
    """Whether users' requests at a first weight arrive in time, copies not counted: they show
    nothing of its load. rate: a second; first: in basis points.
    """
    return rate * first / ALL * WITHIN_S >= step_requests


def fitting_weights(
    rate: float, configured: Sequence[int], step_requests: int
) -> list[tuple[int, ...]]:
    """Weights of steps in basis points for requests at this rate a second, the preferred ones
    first.

    Those that are configured, where their first step fits. Else a first weight that fits, in whole
    percent, and the configured ones above it; below one request a second, one half at once. One
    half at once is the last resort of all: nothing else needs so few requests."""
    half = (HALF,)
    if fits(rate, configured[0], step_requests):
        return _once_each([tuple(configured), half])
    if rate < SLOW:
        return [half]

    percents = math.ceil(step_requests / (rate * WITHIN_S) * 100)
    first = min(percents * _PERCENT, HALF)
    above = tuple(weight for weight in configured if weight > first)
    if not above and first < HALF:
        above = half

    return _once_each([(first, *above), half])


def _once_each(weights: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(weights))
