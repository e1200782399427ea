"""Bins: a number is inside its bin's edges, and a factor in whole bins is never less than it
says.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict.bins import (
    bin_edge_ms,
    latency_bin,
    ratio_bin,
    ratio_bins,
    ratio_bins_within,
    ratio_of,
    slower_bin,
    value_bin,
)
from tests.rollout.ledger_commands import quick

times_ms = st.floats(0.11, 200_000.0)
factors = st.floats(1.0, 4.0)


@quick
@given(times_ms)
def test_a_latency_lies_below_its_bins_upper_edge_and_not_below_the_one_before(
    milliseconds: float,
) -> None:
    index = latency_bin(milliseconds / 1000)
    assert bin_edge_ms(index - 1) <= milliseconds * (1 + 1e-9)
    assert milliseconds <= bin_edge_ms(index) * (1 + 1e-9)


def test_what_takes_no_time_is_in_the_first_bin() -> None:
    assert latency_bin(0.0) == latency_bin(-1.0) == latency_bin(1e-5) == 0


@quick
@given(st.integers(0, 300), factors, st.sampled_from((0.0, 2.0)))
def test_what_counts_as_slower_is_slower_by_the_whole_factor(
    index: int, factor: float, overhead_ms: float
) -> None:
    slower_ms, edge_ms = (
        bin_edge_ms(slower_bin(index, factor, overhead_ms) - 1),
        bin_edge_ms(index - 1),
    )
    assert slower_ms + overhead_ms >= factor * (edge_ms + overhead_ms) * (1 - 1e-9)
    assert bin_edge_ms(slower_bin(index, factor, overhead_ms) - 2) + overhead_ms < factor * (
        edge_ms + overhead_ms
    )


@quick
@given(st.floats(0.01, 100.0))
def test_a_ratio_lies_in_its_bin(ratio: float) -> None:
    index = ratio_bin(ratio, 1.0)
    assert ratio_of(index) <= ratio * (1 + 1e-9)
    assert ratio <= ratio_of(index + 1) * (1 + 1e-9)


@quick
@given(factors)
def test_bins_from_a_factor_on_hold_no_smaller_ratio_and_those_within_it_no_larger_one(
    factor: float,
) -> None:
    assert ratio_of(ratio_bins(factor)) >= factor * (1 - 1e-9)
    assert ratio_of(ratio_bins_within(factor)) <= factor * (1 + 1e-9)
    assert ratio_bins(factor) - ratio_bins_within(factor) in (0, 1)


@pytest.mark.parametrize("times", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_ratio_of_no_time_is_no_news(times: tuple[float, float]) -> None:
    assert ratio_bin(*times) == 0


def test_a_ratio_beyond_all_bins_is_in_the_last() -> None:
    assert ratio_bin(1e9, 1e-9) == -ratio_bin(1e-9, 1e9) == 512


def test_larger_values_have_larger_bins_on_both_sides_of_nothing() -> None:
    values = (-1e6, -3.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 3.0, 1e6)
    bins = [value_bin(value) for value in values]
    assert bins == sorted(set(bins))
    assert bins == [-index for index in reversed(bins)]
