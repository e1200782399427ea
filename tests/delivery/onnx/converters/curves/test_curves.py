"""Power, quantile and spline transformers, beyond training too."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, SplineTransformer

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers, odd_numbers

CLOSE = 1e-9


@pytest.mark.parametrize(
    "step",
    [
        PowerTransformer(),
        PowerTransformer(standardize=False),
        QuantileTransformer(n_quantiles=50),
        QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        SplineTransformer(),
        SplineTransformer(include_bias=False, degree=2),
        SplineTransformer(n_knots=9, degree=1, knots="quantile"),
    ],
    ids=str,
)
def test_values_of_training_between_and_beyond(step):
    training = numbers()
    converted = ConvertedStep(step.fit(training), training)
    for frame in (training, numbers(seed=3), odd_numbers()):
        converted.require_equal(frame, CLOSE)


def test_a_spline_that_goes_on_and_one_that_repeats():
    training = numbers()
    step = SplineTransformer(extrapolation="continue").fit(training)
    ConvertedStep(step, training).require_equal(numbers(seed=3), CLOSE)
    with pytest.raises(NotConvertible, match="extrapolation 'periodic'"):
        ConvertedStep(SplineTransformer(extrapolation="periodic").fit(training), training)


@pytest.mark.parametrize("step", [PowerTransformer(), QuantileTransformer(n_quantiles=20)], ids=str)
def test_nulls_stay_nulls(step):
    training = numbers()
    training.loc[::5, "a"] = np.nan
    ConvertedStep(step.fit(training), training).require_equal(training, CLOSE)


def test_box_cox_takes_no_number_that_is_not_above_zero():
    training = numbers()[["b"]]
    step = ConvertedStep(PowerTransformer("box-cox").fit(training), training)
    step.require_equal(training, CLOSE)
    for value in (0.0, -1.0):
        step.require_both_fail(pd.DataFrame({"b": [value]}))


def test_quantiles_that_repeat():
    training = pd.DataFrame({"n": [0.0] * 80 + [1.0] * 80 + list(np.linspace(1, 2, 40))})
    step = ConvertedStep(QuantileTransformer(n_quantiles=30).fit(training), training)
    step.require_equal(pd.DataFrame({"n": [0.0, 0.5, 1.0, np.nextafter(1, 2), 1.5, 2.0, 9.0]}))


@pytest.fixture(scope="module")
def normal():
    """A column of shares, made normal."""
    training = pd.DataFrame({"share": np.linspace(0, 1, 500)})
    step = QuantileTransformer(n_quantiles=500, output_distribution="normal").fit(training)
    return ConvertedStep(step, training)


@settings(max_examples=60, deadline=None)
@given(share=st.floats(1e-6, 1 - 1e-6))
def test_the_normal_number_of_any_share(normal, share):
    (answer,) = normal.onnx(pd.DataFrame({"share": [share]})).ravel()
    assert answer == pytest.approx(stats.norm.ppf(share), rel=1e-9, abs=1e-9)
