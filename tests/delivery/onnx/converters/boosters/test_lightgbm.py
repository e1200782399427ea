"""LightGBM in ONNX: every kind of objective, missing values, categories and tiny numbers."""

import numpy as np
import pandas as pd
import pytest

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    assert_equal_classifier,
    assert_equal_regressor,
    classes_of,
    onnx_of,
    training,
    with_nulls,
)

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed: `make boosters`")

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")
FRAME = training()
VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2
SMALL = {"n_estimators": 15, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}


def thresholds(model):
    from delivery.onnx.converters.boosters.lightgbm_text import SavedModel

    trees = SavedModel(model.booster_.model_to_string()).trees
    return np.unique(np.concatenate([tree.threshold for tree in trees]))


@pytest.mark.parametrize("frame", [FRAME, with_nulls(FRAME)], ids=["whole", "nulls"])
@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({}, 2),
        ({}, 3),
        ({"objective": "multiclassova"}, 3),
        ({"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, 3),
        ({"boosting_type": "dart"}, 2),
        ({"use_missing": False}, 2),
    ],
    ids=str,
)
def test_a_classifier(parameters, count, frame):
    model = lightgbm.LGBMClassifier(**SMALL, **parameters)
    model.fit(frame, classes_of(FRAME, count))
    assert_equal_classifier(model, adversarial(FRAME, thresholds(model), nulls=True))


def test_classes_that_are_texts():
    model = lightgbm.LGBMClassifier(**SMALL)
    model.fit(FRAME, np.array(["b", "a", "c"])[classes_of(FRAME, 3)])
    assert_equal_classifier(model, adversarial(FRAME, thresholds(model), nulls=True))


LOSSES = ["regression", "l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie"]


@pytest.mark.parametrize("objective", LOSSES)
def test_a_regressor(objective):
    model = lightgbm.LGBMRegressor(**SMALL, objective=objective)
    model.fit(FRAME, VALUES - VALUES.min() + 1)
    is_exact = objective not in ("poisson", "gamma", "tweedie")
    assert_equal_regressor(model, adversarial(FRAME, thresholds(model), nulls=True), is_exact)


def test_trees_of_one_leaf():
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, min_child_samples=400)
    model.fit(FRAME, classes_of(FRAME, 2))
    assert_equal_classifier(model, FRAME[:9])


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_early_stopping_keeps_the_best_trees_alone():
    model = lightgbm.LGBMClassifier(**{**SMALL, "n_estimators": 200, "learning_rate": 0.5})
    labels = classes_of(FRAME, 2)
    stop = lightgbm.early_stopping(3, verbose=False)
    model.fit(FRAME[:200], labels[:200], eval_set=[(FRAME[200:], labels[200:])], callbacks=[stop])
    assert 0 < model.best_iteration_ < 150
    assert_equal_classifier(model, adversarial(FRAME, thresholds(model), nulls=True))


ODD = [-1.0, -0.5, 0.5, 1.5, 30.0, 31.0, 39.9, 40.0, 64.0, 1e9, 3e9, -3e9, 1e30, np.inf, np.nan]


def test_categories_known_unknown_odd_and_null():
    chance, frame = np.random.default_rng(0), FRAME.copy()
    frame[:, 1] = chance.integers(0, 40, len(frame))
    frame[:, 2] = chance.integers(0, 5, len(frame))
    labels = (classes_of(FRAME, 3) + np.isin(frame[:, 1], [1, 5, 9, 33])) % 3
    model = lightgbm.LGBMClassifier(**SMALL, min_data_per_group=5, cat_smooth=1, cat_l2=0)
    model.fit(frame, labels, categorical_feature=[1, 2])
    assert model.booster_.model_to_string().count("num_cat=0") < 45
    rows = adversarial(FRAME, thresholds(model), nulls=True)
    for column in (1, 2):
        rows[:, column] = chance.choice([*range(45), *ODD], len(rows))

    assert_equal_classifier(model, rows)


@pytest.mark.parametrize("parameters", [{"zero_as_missing": True}, {"linear_tree": True}])
def test_what_has_no_form_is_refused(parameters):
    model = lightgbm.LGBMRegressor(**SMALL, **parameters)
    model.fit(with_nulls(FRAME), VALUES)
    with pytest.raises(NotConvertible, match="leave it out"):
        onnx_of(model, 4)


def test_in_a_pipeline_on_a_frame():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = pd.DataFrame(FRAME, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**SMALL))
    pipeline.fit(frame, classes_of(FRAME, 3))
    ConvertedStep(pipeline, frame, "predict_proba").require_equal(frame)
    ConvertedStep(pipeline, frame, "predict").require_equal(frame)


def test_a_row_gets_the_same_answer_in_every_batch():
    model = lightgbm.LGBMClassifier(**SMALL).fit(FRAME, classes_of(FRAME, 3))
    form = Form(model, 4)
    whole = form.scores(FRAME)
    for size in (1, 3, 7, 129):
        assert form.scores(FRAME[:size]).tolist() == whole[:size].tolist()
