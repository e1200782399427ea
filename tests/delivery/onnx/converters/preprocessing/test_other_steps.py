"""Binarizer, Normalizer, PolynomialFeatures and functions of numpy."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
)

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, cities, numbers, odd_numbers


def test_a_value_on_the_threshold_is_not_above_it():
    training = numbers()
    step = ConvertedStep(Binarizer(threshold=0.1).fit(training), training)
    values = [0.1, np.nextafter(0.1, 1), np.nextafter(0.1, 0), 0.10000000149011612]
    step.require_equal(pd.DataFrame({"a": values, "b": values, "c": [0, 1, -1, 2]}), 0)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_are_divided_by_their_norm_and_zeros_stay_zeros(norm):
    training = numbers()
    step = ConvertedStep(Normalizer(norm).fit(training), training)
    step.require_equal(pd.concat([numbers(seed=4), training.head(2) * 0]))
    step.require_equal(odd_numbers())


@pytest.mark.parametrize(
    "step",
    [
        PolynomialFeatures(3),
        PolynomialFeatures(2, interaction_only=True, include_bias=False),
        PolynomialFeatures((2, 3)),
    ],
    ids=str,
)
def test_products(step):
    training = numbers()
    ConvertedStep(step.fit(training), training).require_equal(numbers(seed=2))


@pytest.mark.parametrize(
    "function",
    [np.log1p, np.log, np.log2, np.log10, np.sqrt, np.exp, np.expm1, np.tanh, np.square, np.abs,
     np.sign, np.floor, np.ceil, np.negative],
)  # fmt: skip
def test_functions(function):
    training = (numbers() + 10).abs() / 100
    step = ConvertedStep(FunctionTransformer(function).fit(training), training)
    step.require_equal(training)


def test_no_function_leaves_texts_as_they_are():
    training = cities([None])
    steps = FunctionTransformer(), OneHotEncoder(handle_unknown="ignore")
    ConvertedStep(make_pipeline(*steps).fit(training), training).require_equal(training)


def test_a_function_of_ones_own_is_refused():
    step = FunctionTransformer(lambda frame: frame * 2).fit(numbers())
    with pytest.raises(NotConvertible, match="of the function <lambda>"):
        ConvertedStep(step, numbers())
