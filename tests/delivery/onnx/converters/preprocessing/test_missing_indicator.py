"""Flags of what is missing."""

import numpy as np
import pytest
from sklearn.impute import MissingIndicator

from tests.delivery.onnx.converter_harness import ConvertedStep, cities, numbers


@pytest.mark.parametrize("features", ["all", "missing-only"])
def test_numbers_and_texts(features):
    frame = numbers()
    frame.loc[::4, "b"] = np.nan
    indicator = MissingIndicator(features=features).fit(frame)
    ConvertedStep(indicator, frame).require_equal(frame)

    texts = cities([np.nan])
    ConvertedStep(MissingIndicator(features=features).fit(texts), texts).require_equal(texts)
