"""Nulls are the mean of what the nearest rows of training have there."""

import numpy as np
import pytest
from sklearn.impute import KNNImputer

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers


def with_gaps(rows=240, seed=0, share=0.2):
    """Numbers as floats of many digits, some of them missing."""
    frame = numbers(rows, seed).astype(float)
    frame["a"] *= 500
    frame += np.random.default_rng(seed + 9).normal(size=frame.shape)
    return frame.mask(np.random.default_rng(seed + 3).random(frame.shape) < share)


@pytest.mark.parametrize("settings", [
    {}, {"n_neighbors": 1}, {"n_neighbors": 3, "add_indicator": True}, {"n_neighbors": 500},
], ids=str)  # fmt: skip
def test_gaps_are_filled(settings):
    converted = ConvertedStep(KNNImputer(**settings).fit(with_gaps()), with_gaps())
    converted.require_equal(with_gaps(), 1e-9)
    converted.require_equal(with_gaps(100, seed=5, share=0.4), 1e-9)
    converted.require_equal(with_gaps(20, seed=6, share=0.0), 1e-9)


def test_a_row_without_any_value_gets_the_means():
    converted = ConvertedStep(KNNImputer().fit(with_gaps()), with_gaps())
    converted.require_equal(with_gaps(2, share=1.0), 1e-12)


def test_of_rows_that_have_no_column_in_common_none_is_near():
    frame = with_gaps(40, share=0.0)
    frame.loc[:19, "a"] = np.nan
    frame.loc[20:, "b"] = np.nan
    frame.loc[39, "c"] = np.nan
    converted = ConvertedStep(KNNImputer(n_neighbors=25).fit(frame), frame)
    converted.require_equal(frame.assign(c=np.nan), 1e-9)


def test_a_row_fails_where_two_are_equally_near_and_have_other_values():
    frame = with_gaps(8, share=0.0)
    frame.loc[1] = frame.loc[0]
    frame.loc[1, "b"] += 100
    frame.loc[7, "b"] = np.nan
    converted = ConvertedStep(KNNImputer(n_neighbors=1).fit(frame), frame)
    asked = frame[:1].assign(b=np.nan)
    with pytest.raises(Exception, match="out of data bounds"):
        converted.onnx(asked)
    converted.require_equal(frame[:1])


def test_weights_by_distance_have_no_form():
    model = KNNImputer(weights="distance").fit(with_gaps())
    with pytest.raises(NotConvertible, match="weights by distance"):
        ConvertedStep(model, with_gaps())
