"""The one comparison of predictions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.comparison import (
    LEAST_SCALE,
    SAME_MODEL,
    difference,
    golden_tolerance,
    measured,
    row_answers,
    same,
    scale_of,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (1, 1),
        (1, True),
        ("good", "good"),
        (True, True),
        (None, None),
        (0.5, 0.5 + 1e-7),
        (1e9, 1e9 + 1),
        ([0.1, 0.9], [0.1, 0.9]),
        ([0.5, 0.5], [0.5, 0.5000001]),
        ([], []),
        (1, 1.0),
    ],
)
def test_predictions_that_are_the_same(expected, answer):
    assert same(expected, answer, 1e-6)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (1, 0),
        (1, "1"),
        ("a", "b"),
        (0.5, 0.5001),
        (0.5, "0.5"),
        ("0.5", 0.5),
        (0.5, None),
        (None, 0.5),
        (0.5, math.nan),
        (math.nan, 0.5),
        (0.5, math.inf),
        ([0.5], 0.5),
        (0.5, [0.5]),
        ([0.5], [0.5, 0.5]),
        ([0.1, 0.9], [0.9, 0.1]),
        ([], [0.5]),
        (1e9, 1e9 + 1e4),
    ],
)
def test_predictions_that_differ(expected, answer):
    assert not same(expected, answer, 1e-6)


def test_numbers_above_one_differ_in_proportion_to_their_size_and_smaller_ones_absolutely():
    assert difference(10.0, 10.000048) == pytest.approx(4.8e-6)
    assert difference(1e-6, 2e-6) == pytest.approx(1e-6)
    assert difference(-2e6, -2e6 + 1) == pytest.approx(5e-7)


def test_what_was_measured_is_said():
    assert measured(10.0, 10.000048) == "relative difference 4.8e-06, absolute 4.8e-05"
    assert measured([0.5, 0.5], [0.5, 0.75]) == "absolute difference 0.25"
    assert measured("a", "b") == measured(1, 2) == measured([0.5], [0.5, 0.5]) == ""


def test_small_numbers_differ_in_proportion_to_the_scale():
    assert difference(1e-6, 1.1e-6, 1e-6) == pytest.approx(0.1)
    assert difference(0.0, 1e-9, 1e-6) == pytest.approx(1e-3)
    assert difference([2e-6, 3e-6], [2e-6, 4e-6], 1e-6) == pytest.approx(1 / 3)
    assert same(1e-6, 1.1e-6, 1e-5)
    assert not same(1e-6, 1.1e-6, 1e-5, 1e-6)
    assert measured(1e-6, 1.1e-6, 1e-6) == "relative difference 0.1, absolute 1e-07"


@pytest.mark.parametrize(
    ("answers", "scale"),
    [
        ([1e-6, -3e-6], 2e-6),
        ([0.0, None, 1e-6, math.inf], 5e-7),
        ([3.0, 0.5], 1.0),
        ([0.0, 0.0], 1.0),
        ([1e-300], LEAST_SCALE),
        (["a", 3], 1.0),
        ([], 1.0),
    ],
)
def test_the_scale_is_the_mean_size_of_answers_where_that_is_below_one(answers, scale):
    assert scale_of(answers) == pytest.approx(scale)


def test_lists_have_a_scale_for_each_position_where_their_numbers_differ_in_size():
    answers = [[1e6, 1e-9], None, [2e6, 3e-9]]
    assert scale_of(answers) == [1.0, pytest.approx(2e-9)]
    assert scale_of([[5.0, 6.0], [7.0, 8.0]]) == 1.0
    assert not same([1e6, 1e-9], [1e6, 2e-9], 1e-5, scale_of(answers))
    assert same([1e6, 1e-9], [1e6, 2e-9], 1e-5)


def test_several_outputs_are_compared_by_name_each_by_its_scale():
    expected = {"predict": "a", "transform": [1e-9]}
    scale = {"predict": 1.0, "transform": [1e-9]}
    assert same(expected, {"transform": [1e-9], "predict": "a"}, 1e-5, scale)
    assert not same(expected, {"predict": "b", "transform": [1e-9]}, 1e-5, scale)
    assert not same(expected, {"predict": "a", "transform": [2e-9]}, 1e-5, scale)
    assert not same(expected, "a", 1e-5, scale)
    assert not same("a", expected, 1e-5, scale)
    assert "relative difference" in measured({"t": [2.0, 4.0]}, {"t": [2.0, 5.0]})


def test_an_answer_of_several_outputs_is_read_by_row():
    body = {"predictions": [1, 2], "outputs": {"p": [[0.1], [0.2]]}}
    assert row_answers(body, "predict")[1] == {"predict": 2, "p": [0.2]}
    assert row_answers({"predictions": [1, 2]}, "predict") == [1, 2]
    with pytest.raises(ValueError, match="zip"):
        row_answers({"predictions": [1], "outputs": {"p": [1, 2]}}, "predict")


def test_golden_rows_are_never_held_more_strictly_than_one_model_holds_itself():
    assert golden_tolerance(1e-12) == SAME_MODEL
    assert golden_tolerance(1e-4) == 1e-4


@given(NUMBERS, NUMBERS, st.floats(0, 1))
def test_a_number_is_the_same_exactly_where_its_difference_is_within_the_tolerance(
    expected, answer, tolerance
):
    assert same(expected, expected, 0)
    assert same(expected, answer, tolerance) == (difference(expected, answer) <= tolerance)
    assert difference(expected, answer) <= abs(expected - answer)
