"""Tallies add up to the same whatever the parts were."""

from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.differences.surprising_groups import surprising
from rollout.differences.tally import RowTally, tally

ROWS = st.lists(
    st.tuples(st.booleans(), st.none() | st.floats(0, 1e6)),
    max_size=40,
)


@given(ROWS, ROWS)
def test_two_tallies_together_are_that_of_all_rows(first, second):
    both, whole = tally(first) + tally(second), tally(first + second)
    assert (both.rows, both.changed, both.known) == (whole.rows, whole.changed, whole.known)
    assert both.mean == pytest.approx(whole.mean)
    assert both.spread == pytest.approx(whole.spread, abs=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_mean_and_spread_are_those_of_the_numbers(distances):
    whole = tally([(False, distance) for distance in distances])
    assert whole.mean == pytest.approx(fmean(distances))
    assert whole.spread == pytest.approx(pstdev(distances), abs=1e-6)


def test_equal_distances_surprise_nobody_whatever_rounding_leaves():
    overall = tally([(True, 0.1)] * 1000)
    almost = RowTally(10, 10, 10, 0.1 + 1e-17, 1e-34)
    assert surprising(overall, {("city", "Oslo"): almost}) == []
