"""Numbers that stand for a whole distribution."""

import math

import numpy as np
import pytest

from rollout.forecast.likely import arrived, evenly_likely, likely_rates


def test_deviates_are_symmetric_and_rise() -> None:
    deviates = evenly_likely(9)
    assert deviates == tuple(sorted(deviates))
    assert sum(deviates) == pytest.approx(0)


def test_a_rate_that_somebody_says_is_certain() -> None:
    assert likely_rates(3.0, math.inf, 9) == (3.0,)


@pytest.mark.parametrize("seen", [1.0, 20.0, 1000.0])
def test_rates_are_as_far_apart_as_few_requests_leave_them(seen: float) -> None:
    rates = np.array(likely_rates(2.0, seen, 99))
    drawn = 2.0 * np.random.default_rng(1).gamma(seen, size=200_000) / seen
    assert rates.mean() == pytest.approx(2.0, rel=0.03)
    for quantile in (0.1, 0.5, 0.9):
        assert np.quantile(rates, quantile) == pytest.approx(np.quantile(drawn, quantile), rel=0.07)


@pytest.mark.parametrize(("count", "mean"), [(1, 0.5), (3, 3.0), (300, 280.0), (300, 330.0)])
def test_arrivals_are_those_of_poisson(count: int, mean: float) -> None:
    drawn = np.random.default_rng(2).poisson(mean, size=200_000)
    assert arrived(count, mean) == pytest.approx((drawn >= count).mean(), abs=0.015)


def test_nothing_is_needed_or_nothing_comes() -> None:
    assert (arrived(0, 0.0), arrived(1, 0.0)) == (1.0, 0.0)
