"""Scalers compute in double, in scikit-learn's own order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from service.columns.plain import FLOAT_LIMIT
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers, odd_numbers

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler(feature_range=(-3, 5), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_every_scaler_answers_as_scikit_learn(scaler):
    step = ConvertedStep(scaler.fit(numbers()), numbers())
    for frame in (numbers(seed=3), odd_numbers()):
        step.require_equal(frame)


def test_nulls_stay_nulls():
    frame = numbers()
    frame.loc[::3, "a"] = np.nan
    step = ConvertedStep(StandardScaler().fit(frame), frame)
    step.require_equal(frame)


@pytest.fixture(scope="module")
def standard():
    """A scaler of one column of large numbers that are little apart."""
    frame = pd.DataFrame({"t": 1.7e9 + np.arange(200.0)})
    return ConvertedStep(StandardScaler().fit(frame), frame)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-FLOAT_LIMIT, FLOAT_LIMIT), min_size=1, max_size=20))
def test_any_number_is_scaled_to_the_last_bit(standard, values):
    frame = pd.DataFrame({"t": values})
    assert standard.onnx(frame).tolist() == standard.sklearn(frame).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float16", "Float32"])
def test_a_column_of_fewer_bits_gets_the_numbers_of_the_pipelines_own_frame(dtype):
    frame = numbers()[["a"]].astype(dtype)
    step = ConvertedStep(StandardScaler().fit(frame), frame)
    step.require_equal(pd.DataFrame({"a": [0.1, 1 / 3, -2.7182818]}), 1e-3)
    assert step.session.get_inputs()[0].type in ("tensor(float)", "tensor(float16)")
