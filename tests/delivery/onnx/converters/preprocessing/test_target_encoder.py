"""Means of the target for categories, unseen values and nulls."""

import numpy as np
import pytest
from sklearn.preprocessing import TargetEncoder

from tests.delivery.onnx.converter_harness import ConvertedStep, cities


@pytest.mark.parametrize("kinds", [2, 3, 200])
@pytest.mark.parametrize("null", [None, [None], [np.nan]], ids=str)
@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_two_classes_more_classes_and_numbers(kinds, null):
    training = cities(null)
    target = np.random.default_rng(0).integers(0, kinds, len(training))
    if kinds == 200:
        target = target + 0.5
    encoder = TargetEncoder(random_state=0).fit(training, target)
    step = ConvertedStep(encoder, training)
    frame = cities(null, seed=2)
    frame.loc[0, "city"], frame.loc[1, "plan"] = "unseen", "nan"
    step.require_equal(frame)
