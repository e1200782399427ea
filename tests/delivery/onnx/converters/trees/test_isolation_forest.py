"""Isolation forest: the same rows are outliers, those on the edge too."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    thresholds_of,
    training,
    with_nulls,
)

FRAME = training()
ODD = np.array([[np.inf] * 4, [-np.inf] * 4, [np.nan] * 4, [1e39, -1e39, 0, 0]])


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"contamination": 0.1},
        {"contamination": 0.25, "max_features": 0.5},
        {"max_samples": 20, "bootstrap": True},
    ],
)
def test_the_same_rows_are_outliers(parameters):
    model = IsolationForest(n_estimators=25, random_state=0, **parameters).fit(with_nulls(FRAME))
    rows = adversarial(FRAME, thresholds_of(model.estimators_), nulls=True)
    rows = np.concatenate([rows, FRAME, with_nulls(FRAME), ODD])
    form = Form(model, 4)
    decision = model.decision_function(rows)
    np.testing.assert_allclose(form.scores(rows).ravel(), decision, rtol=0, atol=1e-12)
    assert form.predict(rows).ravel().tolist() == model.predict(rows).tolist()


def test_a_row_exactly_on_the_edge_is_no_outlier():
    model = IsolationForest(n_estimators=25, random_state=0).fit(FRAME)
    model.offset_ = model.score_samples(FRAME[:1])[0]
    assert model.decision_function(FRAME[:1])[0] == 0
    assert Form(model, 4).predict(FRAME[:1]).tolist() == model.predict(FRAME[:1]).tolist() == [1]
