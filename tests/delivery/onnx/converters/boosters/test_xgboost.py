"""XGBoost in ONNX: the same bits in 32 bits, for every kind of objective and missing values."""

import numpy as np
import pytest

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    classes_of,
    onnx_of,
    training,
    with_nulls,
)

xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed: `make boosters`")

FRAME = training()
VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2
SMALL = {"n_estimators": 15, "n_jobs": 1}
# One unit in the last place of a probability in 32 bits.
ROUNDING = 1.2e-7


def rows_for(model):
    import json

    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    thresholds = np.unique(np.concatenate([tree["split_conditions"] for tree in trees]))
    return adversarial(FRAME, thresholds, nulls=True)


@pytest.mark.parametrize("frame", [FRAME, with_nulls(FRAME)], ids=["whole", "nulls"])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBClassifier(**SMALL),
        xgboost.XGBClassifier(**SMALL, base_score=0.2),
        xgboost.XGBRFClassifier(**SMALL),
        xgboost.XGBClassifier(n_estimators=4, num_parallel_tree=3, n_jobs=1),
    ],
    ids=["boosted", "base", "forest", "parallel"],
)
def test_a_classifier(model, count, frame):
    model.fit(frame, classes_of(FRAME, count))
    rows = rows_for(model)
    form, expected = Form(model, 4), model.predict_proba(rows)
    probabilities = form.scores(rows)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=ROUNDING)
    assert (probabilities.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert form.predict(rows).tolist() == model.predict(rows).tolist()


OBJECTIVES = [
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "count:poisson",
    "reg:gamma",
    "reg:tweedie",
]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_regressor(objective):
    model = xgboost.XGBRegressor(**SMALL, objective=objective)
    model.fit(with_nulls(FRAME), VALUES - VALUES.min() + 1)
    rows = rows_for(model)
    np.testing.assert_allclose(Form(model, 4).predict(rows).ravel(), model.predict(rows), rtol=3e-7)


def test_early_stopping_keeps_the_best_trees_alone():
    model = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, n_jobs=1)
    labels = classes_of(FRAME, 2)
    model.fit(FRAME[:200], labels[:200], eval_set=[(FRAME[200:], labels[200:])], verbose=False)
    assert model.best_iteration < 150
    rows = rows_for(model)
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(Form(model, 4).scores(rows), expected, atol=ROUNDING)


@pytest.mark.parametrize("parameters", [{"booster": "gblinear"}, {"missing": -1.0}])
def test_what_has_no_form_is_refused(parameters):
    model = xgboost.XGBRegressor(**SMALL, **parameters).fit(FRAME, VALUES)
    with pytest.raises(NotConvertible, match="XGBRegressor with"):
        onnx_of(model, 4)
