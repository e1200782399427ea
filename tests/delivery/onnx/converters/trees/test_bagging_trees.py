"""Bagging of trees, on columns of their own."""

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier, BaggingRegressor

from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    assert_equal_classifier,
    assert_equal_regressor,
    classes_of,
    thresholds_of,
    training,
    with_nulls,
)

FRAME = training()


@pytest.mark.parametrize("features", [1.0, 0.5, 1])
@pytest.mark.parametrize("count", [2, 4])
def test_a_classifier_of_trees_on_columns_of_their_own(features, count):
    model = BaggingClassifier(n_estimators=9, max_features=features, random_state=0)
    model.fit(FRAME, classes_of(FRAME, count))
    assert_equal_classifier(model, adversarial(FRAME, thresholds_of(model.estimators_), False))


def test_columns_drawn_twice_and_nulls():
    model = BaggingClassifier(n_estimators=9, bootstrap_features=True, random_state=0)
    model.fit(with_nulls(FRAME), classes_of(FRAME, 3))
    assert_equal_classifier(model, adversarial(FRAME, thresholds_of(model.estimators_), True))


def test_a_column_that_no_tree_sees_is_not_checked():
    model = BaggingClassifier(n_estimators=1, max_features=2, random_state=0)
    model.fit(FRAME, classes_of(FRAME, 2))
    row = FRAME[:1].copy()
    (unseen, *_) = set(range(4)) - set(model.estimators_features_[0].tolist())
    row[0, unseen] = np.inf
    assert Form(model, 4).scores(row).tolist() == model.predict_proba(row).tolist()


@pytest.mark.parametrize("features", [1.0, 0.5])
def test_a_regressor(features):
    model = BaggingRegressor(n_estimators=9, max_features=features, random_state=0)
    model.fit(FRAME, FRAME[:, 0] * 3 + FRAME[:, 1] ** 2)
    assert_equal_regressor(model, adversarial(FRAME, thresholds_of(model.estimators_), False))
