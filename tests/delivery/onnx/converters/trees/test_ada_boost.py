"""AdaBoost of trees: weighted votes and weighted medians."""

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converters.trees.tree_harness import (
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


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_classifier(count, depth):
    tree = DecisionTreeClassifier(max_depth=depth)
    model = AdaBoostClassifier(tree, n_estimators=15, random_state=0)
    model.fit(FRAME, classes_of(FRAME, count))
    assert_equal_classifier(model, adversarial(FRAME, thresholds_of(model.estimators_), False))


@pytest.mark.parametrize("seed", range(5))
def test_votes_that_tie(seed):
    chance = np.random.default_rng(seed)
    frame = chance.integers(0, 3, (40, 4)).astype(float)
    model = AdaBoostClassifier(n_estimators=4, random_state=0)
    model.fit(frame, chance.integers(0, 4, 40))
    assert_equal_classifier(model, chance.integers(0, 3, (333, 4)).astype(float))


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
def test_a_regressor_gives_a_trees_own_value(loss):
    tree = DecisionTreeRegressor(max_depth=4)
    model = AdaBoostRegressor(tree, n_estimators=15, loss=loss, random_state=0)
    model.fit(FRAME, VALUES)
    rows = adversarial(FRAME, thresholds_of(model.estimators_), False)
    assert_equal_regressor(model, rows)


def test_boosting_of_other_models_is_refused():
    model = AdaBoostRegressor(LinearRegression(), n_estimators=2).fit(FRAME, VALUES)
    with pytest.raises(NotConvertible, match="other models than decision trees"):
        onnx_of(model, 4)
