"""A label names the class it equals, whatever form it comes in, and none that it does not equal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.state.classes import (
    MOST_CLASSES,
    Classes,
    answers_of,
    kept,
    label_text,
    number_of,
    spellings,
)

# Zero with a sign is the class 0 to every model: added to 0, it has none.
FLOATS = st.floats(-1e6, 1e6, allow_nan=False).map((0.0).__add__)
NUMBERS = st.integers(-(10**6), 10**6) | FLOATS
VALUES = st.booleans() | NUMBERS | st.text(max_size=6)


@pytest.mark.parametrize("label", [1, 1.0, "1", "1.0", " 1 ", "1e0", True, "true", "True"])
@pytest.mark.parametrize("classes", [(0, 1), (0.0, 1.0), (False, True), ("0", "1")])
def test_one_is_one_in_every_form(classes, label):
    assert Classes(classes).key(label) == Classes(classes).keys[1]


@pytest.mark.parametrize(
    ("classes", "label"),
    [
        ((0, 1), 2),
        ((0, 1), "1.5"),
        ((0, 1), "yes"),
        ((0.0, 1.0), "nan"),
        (("a", "b"), "A"),
        (("a", "b"), ""),
        ((-1, 1), 0),
        ((0, 1), 1e-9),
        ((0, 1), "1" * 400),
        ((0, 1), "0_1"),
    ],
)
def test_what_equals_no_class_names_none(classes, label):
    assert Classes(classes).key(label) is None


@pytest.mark.parametrize(
    ("label", "key"), [(True, "true"), ("true", "true"), (False, "false"), ("1", "true")]
)
def test_words_of_truth_are_the_truth(label, key):
    assert Classes(("false", "true")).key(label) == key


def test_classes_that_are_written_alike_stay_two():
    both = Classes(("1", 1, "01"))
    assert len(set(both.keys)) == 3
    assert [both.key(label) for label in ("1", 1, "01")] == list(both.keys)
    assert both.key(1.0) is None


def test_whole_numbers_that_no_float_tells_apart_stay_two():
    big = Classes((2**53, 2**53 + 1))
    assert [big.key(str(value)) for value in big.values] == list(big.keys)


@given(st.lists(VALUES, unique_by=repr, max_size=6))
def test_each_class_names_itself_and_no_other(values):
    classes = Classes(tuple(values))
    assert len(set(classes.keys)) == len(values)
    assert [classes.key(value) for value in values] == list(classes.keys)


@given(st.lists(NUMBERS, unique=True, min_size=1, max_size=6))
def test_numbers_are_named_by_what_they_are_written_as(values):
    classes = Classes(tuple(values))
    for value, key in zip(values, classes.keys, strict=True):
        assert classes.key(float(value)) == key
        assert classes.key(repr(value)) == key
        assert classes.key(label_text(value)) == key


@given(VALUES)
def test_the_nearest_spelling_is_the_plain_text(value):
    assert next(spellings(value)) == label_text(value)


@given(st.text(max_size=80) | st.floats() | st.integers())
def test_a_number_is_finite_or_none(value):
    number = number_of(value)
    assert number is None or math.isfinite(number)


def test_more_classes_than_belong_in_every_revision_are_not_kept():
    assert kept(range(MOST_CLASSES)) == tuple(range(MOST_CLASSES))
    assert kept(range(MOST_CLASSES + 1)) == kept(["x" * 70_000]) == kept([None]) == kept(None) == ()


def test_what_a_version_answers():
    assert answers_of("classification", [0, 1], "predict_proba").two_classes
    assert not answers_of("classification", [0, 1], "predict").two_classes
    assert not answers_of("classification", [0, 1, 2], "predict_proba").two_classes
    assert answers_of("regression", None, "predict").values
    assert not answers_of("", None, "").values
