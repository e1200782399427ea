"""The test of the column mix: fair whatever the mix, and it finds a broken assignment."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.drift.mix_test import ALPHA, CONCENTRATIONS, NEEDED, column_mix, evidence

CELLS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=6)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9_999), CELLS)
def test_it_does_not_depend_on_the_order_of_the_bins(weight: int, cells: list) -> None:
    assert evidence({weight: cells}) == pytest.approx(evidence({weight: cells[::-1]}), abs=1e-6)
    assert math.isfinite(evidence({weight: cells}))


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 0.99), st.integers(1, 6))
def test_the_capital_is_a_fair_game(share: float, rows: int) -> None:
    """The mean over all draws of the rows of a bin is what one began with."""
    weight = max(1, round(share * 10_000))
    chance, total = weight / 10_000, 0.0
    for drawn in product((0, 1), repeat=rows):
        own = sum(drawn)
        likely = chance**own * (1 - chance) ** (rows - own)
        total += likely * math.exp(evidence({weight: [(own, rows - own)]}))

    assert total == pytest.approx(1.0)


@pytest.mark.parametrize("weight", [0, 10_000])
def test_nothing_is_bet_where_nothing_is_drawn(weight: int) -> None:
    assert evidence({weight: [(5, 0), (0, 9)]}) == pytest.approx(0.0)
    assert evidence({}) == pytest.approx(0.0)


def test_rows_that_go_by_their_value_are_found_soon() -> None:
    mix = column_mix({1_000: [(30, 70), (0, 300)]})
    assert mix.evidence > NEEDED
    assert (mix.candidate, mix.stable, mix.distance) == (30, 370, pytest.approx(300 / 370))


def crossings(rollouts: int, looks: int, rows: int) -> float:
    """The part of sound rollouts, with a weight that changes, in which it is reached at any look.

    The mix of users drifts, which changes nothing."""
    chance, reached = np.random.default_rng(34), 0
    for _ in range(rollouts):
        tables = {weight: np.zeros((6, 2), int) for weight in (500, 2_500, 5_000)}
        for look in range(looks):
            weight = (500, 2_500, 5_000)[3 * look // looks]
            drifting = chance.dirichlet(np.linspace(1, 1 + look, 6))
            counts = chance.multinomial(rows, drifting)
            own = chance.binomial(counts, weight / 10_000)
            tables[weight] += np.column_stack([own, counts - own])
            if evidence({at: list(map(tuple, cells)) for at, cells in tables.items()}) >= NEEDED:
                reached += 1
                break

    return reached / rollouts


def test_a_sound_assignment_is_hardly_ever_called_broken() -> None:
    assert crossings(100, 10, 60) <= ALPHA + 3 * math.sqrt(ALPHA / 100)


@pytest.mark.soak
def test_a_sound_assignment_is_called_broken_in_one_of_a_thousand_rollouts() -> None:
    assert crossings(4_000, 40, 100) <= ALPHA + 3 * math.sqrt(ALPHA / 4_000)


def test_bets_of_different_sizes_are_averaged() -> None:
    assert len(CONCENTRATIONS) > 1
    # A large difference in few rows, and a small one in many.
    assert evidence({5_000: [(14, 0), (0, 14)]}) > NEEDED
    assert evidence({5_000: [(10_600, 10_000), (10_000, 10_600)]}) > NEEDED
