"""Gradient boosting: every loss, the first value, and ties of the raw values."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    assert_equal_classifier,
    assert_equal_regressor,
    classes_of,
    onnx_of,
    thresholds_of,
    training,
)

FRAME = training()
VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2


def rows_for(model):
    return adversarial(FRAME, thresholds_of(model.estimators_.ravel()), nulls=False)


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({}, 2),
        ({}, 3),
        ({}, 6),
        ({"loss": "exponential"}, 2),
        ({"init": "zero"}, 2),
        ({"init": "zero"}, 3),
        ({"init": DummyClassifier(strategy="most_frequent")}, 2),
        ({"subsample": 0.5, "learning_rate": 0.7, "max_depth": 5}, 3),
    ],
)
def test_a_classifier(parameters, count):
    model = GradientBoostingClassifier(n_estimators=15, random_state=0, **parameters)
    model.fit(FRAME, classes_of(FRAME, count))
    assert_equal_classifier(model, rows_for(model))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_a_regressor_gives_the_same_value_to_the_last_bit(loss):
    model = GradientBoostingRegressor(n_estimators=20, loss=loss, random_state=0)
    model.fit(FRAME, VALUES)
    assert_equal_regressor(model, rows_for(model))


@pytest.mark.parametrize("seed", range(5))
def test_equal_raw_values_get_equal_probabilities(seed):
    chance = np.random.default_rng(seed)
    frame = chance.integers(0, 2, (40, 3)).astype(float)
    labels = np.arange(40) % 4
    model = GradientBoostingClassifier(n_estimators=2, max_depth=1, random_state=0)
    model.fit(frame, labels)
    rows = chance.integers(0, 2, (333, 3)).astype(float)
    assert_equal_classifier(model, rows)


def test_what_begins_with_another_model_is_refused():
    model = GradientBoostingClassifier(n_estimators=2, init=LogisticRegression(max_iter=5000))
    model.fit(FRAME / 1e4, classes_of(FRAME, 2))
    with pytest.raises(NotConvertible, match="leave `init` out"):
        onnx_of(model, 4)


def test_a_null_fails_in_both():
    model = GradientBoostingClassifier(n_estimators=2).fit(FRAME, classes_of(FRAME, 2))
    row = np.full((1, 4), np.nan)
    with pytest.raises(ValueError, match="NaN"):
        model.predict(row)
    with pytest.raises(Exception, match="out of data bounds"):
        Form(model, 4).predict(row)
