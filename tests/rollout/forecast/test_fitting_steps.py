"""Steps that suit the traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.forecast.fitting_steps import HALF, SLOW, fits, fitting_weights

USUAL = (100, 500, 2500, 5000)


@pytest.mark.parametrize(
    ("rate", "weights"),
    [
        (800, USUAL),
        (8.4, USUAL),
        (8.2, (200, 500, 2500, 5000)),
        (3, (300, 500, 2500, 5000)),
        (1, (900, 2500, 5000)),
        (0.99, (5000,)),
        (1 / 6, (5000,)),
    ],
)
def test_the_first_weight_has_its_requests_within_the_hour(
    rate: float, weights: tuple[int, ...]
) -> None:
    assert fitting_weights(rate, USUAL, 300)[0] == weights


def test_steps_that_fit_are_kept_however_slow_the_traffic_is() -> None:
    assert fitting_weights(0.5, (2000, 5000), 300)[0] == (2000, 5000)


def test_where_no_configured_weight_is_large_enough_one_half_is_last() -> None:
    assert fitting_weights(1.0, (100, 500), 300)[0] == (900, HALF)
    assert fitting_weights(1.0, (100, 500), 100_000) == [(HALF,)]


@given(
    st.floats(1e-4, 1e4),
    st.lists(st.integers(1, 9999), min_size=1, max_size=6, unique=True).map(sorted),
    st.integers(0, 10_000),
)
def test_proposed_weights_rise_and_the_last_resort_is_one_half(
    rate: float, configured: list[int], step_requests: int
) -> None:
    proposed = fitting_weights(rate, configured, step_requests)
    for weights in proposed:
        assert list(weights) == sorted(set(weights))
        assert 0 < weights[0] <= weights[-1] < 10_000

    first = proposed[0]
    assert proposed[-1] == (HALF,)
    assert fits(rate, first[0], step_requests) or first[0] == HALF
    assert first == tuple(configured) or first == (HALF,) or rate >= SLOW
