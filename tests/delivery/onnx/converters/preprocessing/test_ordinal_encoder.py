"""Numbers for categories, for unknown values and for nulls."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder

from tests.delivery.onnx.converter_harness import ConvertedStep, cities

ENCODERS = [
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-7
    ),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, min_frequency=45),
    OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=3, dtype=np.float32
    ),
]


@pytest.mark.parametrize("null", [None, [None], [np.nan]], ids=str)
@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_texts_are_numbered_alike(encoder, null):
    training = cities(null)
    step = ConvertedStep(encoder.fit(training), training)
    frame = cities(null, seed=9)
    frame.loc[3, "city"], frame.loc[4, "plan"] = "unseen", "nan"
    step.require_equal(frame)


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool"])
def test_numbers_are_numbered_alike(dtype):
    training = pd.DataFrame({"n": pd.Series([0, 1, 1, 0] * 9).astype(dtype)})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    step = ConvertedStep(encoder.fit(training), training)
    step.require_equal(training)
    if dtype != "bool":
        step.require_equal(pd.DataFrame({"n": [2, -1, 0]}).astype(dtype))


def test_nulls_among_numbers_have_their_own_number():
    training = pd.DataFrame({"n": [1.5, np.nan, 2.5] * 9})
    encoder = OrdinalEncoder(encoded_missing_value=-3).fit(training)
    ConvertedStep(encoder, training).require_equal(training)


def test_an_unknown_category_fails_where_it_fails_in_scikit_learn():
    training = cities()
    step = ConvertedStep(OrdinalEncoder().fit(training), training)
    step.require_equal(cities(seed=2))
    step.require_both_fail(pd.DataFrame({"city": ["Rio"], "plan": ["free"]}))
