"""Nulls are predicted of the other columns, round by round."""

import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (its import enables it)
from sklearn.impute import IterativeImputer
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers


def with_gaps(rows=240, seed=0, share=0.2):
    """Numbers as floats, some of them missing, none row without any."""
    frame = numbers(rows, seed).astype(float)
    holes = np.random.default_rng(seed + 3).random(frame.shape) < share
    holes[:, 2] &= ~holes[:, :2].all(axis=1)
    return frame.mask(holes)


@pytest.mark.parametrize("settings", [
    {}, {"add_indicator": True}, {"estimator": Ridge(), "max_iter": 3, "max_value": 20.0},
    {"estimator": DecisionTreeRegressor(max_depth=3), "imputation_order": "roman"},
], ids=str)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gaps_are_filled_in_the_rounds_of_the_fit(settings):
    model = IterativeImputer(random_state=0, **settings)
    converted = ConvertedStep(model.fit(with_gaps()), with_gaps())
    converted.require_equal(with_gaps(), 1e-9)
    converted.require_equal(with_gaps(100, seed=5, share=0.4), 1e-9)
    converted.require_equal(with_gaps(20, seed=6, share=0.0), 1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_values_that_are_drawn_by_chance_have_no_form():
    model = IterativeImputer(sample_posterior=True, random_state=0).fit(with_gaps())
    with pytest.raises(NotConvertible, match="by chance"):
        ConvertedStep(model, with_gaps())
