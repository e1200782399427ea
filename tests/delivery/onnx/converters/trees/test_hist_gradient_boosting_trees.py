"""Histogram-based gradient boosting: doubles, nulls and categories, every loss."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from tests.delivery.onnx.converter_harness import ConvertedStep
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    assert_equal_classifier,
    assert_equal_regressor,
    classes_of,
    training,
    with_nulls,
)

FRAME = training()


@pytest.fixture(autouse=True)
def _one_thread():
    """More of them wait for each other on small frames, for long where the machine is busy."""
    with threadpool_limits(1):
        yield


VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2


def thresholds(model):
    parts = []
    for stage in model._predictors:
        for predictor in stage:
            nodes = predictor.nodes
            parts.append(nodes["num_threshold"][nodes["is_leaf"] == 0])

    values = np.unique(np.concatenate(parts))
    return values[np.isfinite(values)]


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("frame", [FRAME, with_nulls(FRAME)], ids=["whole", "nulls"])
def test_a_classifier(frame, count):
    model = HistGradientBoostingClassifier(max_iter=15, random_state=0)
    model.fit(frame, classes_of(FRAME, count))
    assert_equal_classifier(model, adversarial(FRAME, thresholds(model), nulls=True))


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "gamma", "poisson", "quantile"]
)
def test_a_regressor(loss):
    quantile = 0.8 if loss == "quantile" else None
    model = HistGradientBoostingRegressor(max_iter=15, loss=loss, quantile=quantile, random_state=0)
    model.fit(with_nulls(FRAME), VALUES - VALUES.min() + 1)
    is_exact = loss not in ("gamma", "poisson")
    assert_equal_regressor(model, adversarial(FRAME, thresholds(model), nulls=True), is_exact)


def test_infinity_is_a_number_as_any_other():
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(FRAME, VALUES)
    rows = np.array([[np.inf] * 4, [-np.inf] * 4, [1e300, -1e300, 1e39, 0]])
    assert_equal_regressor(model, rows)


def coded(seed=0):
    """The frame with two columns of numbers that are categories, the second with gaps."""
    chance, frame = np.random.default_rng(seed), FRAME.copy()
    frame[:, 1] = chance.integers(0, 12, len(frame))
    frame[:, 2] = chance.choice([-3, 0, 2, 40, 41, 99, 250], len(frame))
    return frame


def model_of_categories(frame, count=3, **parameters):
    effect = np.isin(frame[:, 1], [1, 4, 7, 11]) * 1.0 + np.isin(frame[:, 2], [0, 41, 250])
    labels = (classes_of(FRAME, count) + effect.astype(int)) % count
    model = HistGradientBoostingClassifier(
        max_iter=15, categorical_features=[1, 2], min_samples_leaf=5, random_state=0, **parameters
    )
    model.fit(with_nulls(frame, 0.05), labels)
    splits = [p.nodes["is_categorical"].sum() for stage in model._predictors for p in stage]
    assert sum(splits) > 10
    return model


ODD = [-1.0, 0.5, 1.5, 12.0, 30.0, 31.0, 63.0, 64.0, 255.0, 256.0, 257.0, 1e9, -1e9, 1e300, np.nan]


@pytest.mark.parametrize("count", [2, 3])
def test_categories_known_unknown_odd_and_null(count):
    frame = coded()
    model = model_of_categories(frame, count)
    chance = np.random.default_rng(1)
    rows = frame[chance.integers(0, len(frame), 4000)].copy()
    rows[:, 1] = chance.choice([*range(-2, 15), *ODD], len(rows))
    rows[:, 2] = chance.choice([*range(-5, 45), 99, 250, *ODD], len(rows))
    assert_equal_classifier(model, rows)


def test_many_categories_and_few():
    chance, frame = np.random.default_rng(0), FRAME.copy()
    frame[:, 1] = chance.integers(0, 60, len(frame))
    frame[:, 2] = chance.integers(0, 2, len(frame))
    model = model_of_categories(frame, 2)
    rows = frame[chance.integers(0, len(frame), 2000)].copy()
    rows[:, 1] = chance.choice([*np.arange(-2, 70, 0.5), *ODD], len(rows))
    rows[:, 2] = chance.choice([0, 1, 2, *ODD], len(rows))
    assert_equal_classifier(model, rows)


def test_an_infinite_category_fails_in_both():
    frame = coded()
    model = model_of_categories(frame)
    row = frame[:1].copy()
    row[0, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.predict(row)
    with pytest.raises(Exception, match="out of data bounds"):
        Form(model, 4).predict(row)


LAW = model_of_categories(coded())
LAW_FORM = Form(LAW, 4)


@settings(deadline=None, max_examples=80)
@given(arrays(np.float64, (3, 4), elements=st.floats() | st.integers(-5, 260).map(float)))
def test_law_every_row_of_doubles_gets_the_same_class(rows):
    # An infinite category is refused by the encoder before the trees.
    rows[:, 1:3][np.isinf(rows[:, 1:3])] = np.nan
    np.testing.assert_allclose(LAW_FORM.scores(rows), LAW.predict_proba(rows), rtol=0, atol=1e-12)
    assert LAW_FORM.predict(rows).tolist() == LAW.predict(rows).tolist()


def test_a_frame_with_columns_of_texts_as_categories():
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": FRAME[:, 3],
            "city": pd.Series(chance.choice(["Oslo", "Bern", "東京", ""], 300), dtype=object),
            "age": FRAME[:, 1].astype(int),
        }
    )
    labels = (frame["city"].isin(["Bern", "東京"]) ^ (frame["age"] > 50)).astype(int)
    model = HistGradientBoostingClassifier(
        max_iter=10, categorical_features=["city"], random_state=0
    )
    model.fit(frame, labels)
    rows = frame.sample(200, random_state=0).reset_index(drop=True)
    rows.loc[::7, "city"] = "never seen"
    ConvertedStep(model, frame, "predict_proba").require_equal(rows)
    ConvertedStep(model, frame, "predict").require_equal(rows)
