"""Categories of texts, numbers, truth values and nulls, known and unknown."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from tests.delivery.onnx.converter_harness import ConvertedStep, cities

ENCODERS = [
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
    OneHotEncoder(handle_unknown="ignore", drop="first"),
    OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=45),
    OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2, drop="first"),
    OneHotEncoder(handle_unknown="warn", min_frequency=45),
]
NULLS = {"none": None, "None": [None], "NaN": [np.nan], "NA": [pd.NA]}


@pytest.mark.parametrize("kind", ["none", "None", "NaN"])
@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_every_category_and_every_other_text_is_encoded_alike(encoder, kind):
    training = cities(NULLS[kind])
    step = ConvertedStep(encoder.fit(training), training)
    frame = cities(NULLS[kind], seed=4)
    frame.loc[3, "city"], frame.loc[4, "plan"] = "unseen", "\x00"
    frame.loc[5, "plan"], frame.loc[6, "city"] = "nan", "None"
    frame.loc[8, "city"], frame.loc[9, "plan"] = "oslo", "ÿNone"
    step.require_equal(frame)


@pytest.fixture(scope="module")
def with_nulls():
    """An encoder that knows null as a category."""
    training = cities([None])
    return ConvertedStep(OneHotEncoder(handle_unknown="ignore").fit(training), training)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.none() | st.text(max_size=12), min_size=1, max_size=20))
def test_no_text_is_taken_for_null_and_null_for_no_text(with_nulls, texts):
    """Whatever characters JSON can hold."""
    frame = pd.DataFrame({"city": texts, "plan": texts[::-1]}, dtype=object)
    with_nulls.require_equal(frame)


def test_an_unknown_category_fails_where_it_fails_in_scikit_learn():
    training = cities()
    step = ConvertedStep(OneHotEncoder().fit(training), training)
    step.require_equal(cities(seed=2))
    step.require_both_fail(pd.DataFrame({"city": ["Rio"], "plan": ["free"]}))
    step.require_both_fail(pd.DataFrame({"city": ["Oslo"], "plan": ["Free"]}))


@pytest.mark.parametrize("drop", [None, "first"])
@pytest.mark.parametrize("dtype", ["float64", "int64", "Int64", "boolean", "bool"])
def test_categories_of_numbers_are_compared_exactly(dtype, drop):
    values = pd.Series([0, 1, 1, 0, 1] * 20)
    if dtype in ("float64", "int64", "Int64"):
        values = values * 2**53
    training = pd.DataFrame({"n": values.astype(dtype)})
    if dtype[0].isupper():
        training.loc[::7, "n"] = pd.NA

    encoder = OneHotEncoder(handle_unknown="ignore", drop=drop).fit(training)
    step = ConvertedStep(encoder, training)
    step.require_equal(training)
    if dtype in ("float64", "int64"):
        others = pd.DataFrame({"n": [2**53 + 2, 2**53 - 1, -1, 0]}).astype(dtype)
        step.require_equal(others)


def test_fractions_are_no_category():
    training = pd.DataFrame({"stars": [1.0, 2.0, 3.0] * 10})
    step = ConvertedStep(OneHotEncoder(handle_unknown="ignore").fit(training), training)
    step.require_equal(pd.DataFrame({"stars": [1.5, np.nextafter(2.0, 3.0), -0.0, 2.9999999999]}))


def test_many_categories_take_no_matrix_of_their_square():
    training = pd.DataFrame({"id": [f"id {number}" for number in range(20_000)]}, dtype=object)
    step = ConvertedStep(OneHotEncoder(handle_unknown="ignore").fit(training), training)
    assert len(step.raw) < 2_000_000
    step.require_equal(pd.DataFrame({"id": ["id 0", "id 19999", "id 20000"]}, dtype=object))
