"""Bins are bounded, hold every value once, and add up from parts in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.distributions.bins import BINS, MOST_VALUES, of_numbers, of_texts

NUMBERS = arrays(
    np.float64, st.integers(1, 200), elements=st.floats(-1e9, 1e9) | st.just(float("nan"))
)


@given(NUMBERS, NUMBERS)
def test_every_number_is_in_one_bin_and_parts_add_up(training, rows):
    bins = of_numbers("x", training)
    assert bins.rows == len(training)
    assert bins.unseen == 0
    assert len(bins.counts) <= BINS + 4
    whole = bins.counted(rows)
    assert whole.rows == len(rows)
    half = len(rows) // 2
    assert bins.counted(rows[:half]) + bins.counted(rows[half:]) == whole


def test_few_numbers_have_a_bin_each_and_another_one_was_not_seen():
    months = of_numbers("month", np.repeat(np.arange(1.0, 7.0), 10))
    assert months.values == [1, 2, 3, 4, 5, 6]
    assert months.counted(np.array([1.0, 7.0, np.nan, 8.0])).counts == [1, 0, 0, 0, 0, 0, 2]


def test_what_is_below_and_above_training_is_counted_apart_and_both_ends_belong():
    bins = of_numbers("x", np.linspace(0.0, 100.0, 1001))
    now = bins.counted(np.array([-1.0, 0.0, 100.0, 101.0, 102.0, np.nan]))
    assert (now.counts[0], now.counts[1], now.counts[-2], now.counts[-1]) == (1, 1, 1, 2)
    assert (now.unseen, now.nulls) == (3, 1)


def test_the_ends_are_those_of_all_rows_where_only_some_are_counted():
    bins = of_numbers("x", np.linspace(10.0, 20.0, 500), least=0.0, most=99.0)
    assert (bins.edges[0], bins.edges[-1]) == (0.0, 99.0)
    assert bins.counted(np.array([5.0, 50.0])).unseen == 0


def test_whole_numbers_are_as_many_in_one_bin_as_in_another():
    days = of_numbers("day", np.tile(np.arange(1.0, 61.0), 20))
    assert len(set(days.counts[1:-2])) == 1


def test_a_number_that_most_rows_have_is_a_bin_of_its_own():
    rain = np.concatenate([np.zeros(900), np.linspace(0.01, 5.0, 100)])
    bins = of_numbers("rain", rain)
    assert bins.counts[1] == 900
    assert max(bins.counts[2:]) <= 20


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_a_single_number_is_a_bin(value):
    bins = of_numbers("x", np.full(10, value))
    assert (bins.values, bins.counts) == ([value], [10, 0])


def test_texts_are_counted_by_those_known_and_all_others_together():
    texts = np.array(["Oslo", "Bergen", None, "Oslo"], dtype=object)
    known = of_texts("city", texts, ["Bergen", "Oslo", "Bodø"])
    assert (known.counts, known.nulls) == ([1, 2, 0, 0], 1)
    assert known.counted(np.array(["Atlantis", "Oslo"], dtype=object)).counts == [0, 1, 0, 1]


def test_too_many_texts_are_not_counted():
    ids = np.array([f"id-{number}" for number in range(MOST_VALUES + 1)], dtype=object)
    assert of_texts("id", ids) is None
