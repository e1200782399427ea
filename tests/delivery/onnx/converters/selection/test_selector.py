"""Steps that choose columns."""

import pytest
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)
from sklearn.linear_model import LinearRegression

from tests.delivery.onnx.converter_harness import ConvertedStep, numbers, odd_numbers


@pytest.mark.parametrize(
    "step",
    [
        SelectKBest(k=2),
        SelectPercentile(percentile=40),
        VarianceThreshold(1.0),
        SelectFromModel(LinearRegression()),
        RFE(LinearRegression(), n_features_to_select=2),
    ],
    ids=str,
)
def test_the_same_columns_are_chosen(step):
    training = numbers()
    converted = ConvertedStep(step.fit(training, training["c"] % 3), training)
    for frame in (numbers(seed=2), odd_numbers()):
        converted.require_equal(frame, 0)
