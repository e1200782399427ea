"""Models of weighted sums: values, classes and probabilities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVR

from tests.delivery.onnx.converter_harness import ConvertedStep, cities, numbers, odd_numbers

NAMES = np.array(["så", "x", "東京"])
REGRESSORS = [
    LinearRegression(), Ridge(), ElasticNet(), HuberRegressor(), QuantileRegressor(),
    SGDRegressor(random_state=0), LinearSVR(random_state=0), PoissonRegressor(),
    TweedieRegressor(), TweedieRegressor(power=1.5), GammaRegressor(),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_regressors(model):
    training = numbers()
    pipeline = make_pipeline(StandardScaler(), model).fit(training, training["c"] + 1)
    step = ConvertedStep(pipeline, training, "predict")
    step.require_equal(numbers(seed=2))
    step.require_equal(odd_numbers().head(5))


def labels_of(frame, classes):
    """Two or three classes of these rows."""
    numbers_of_class = (frame["a"] > 0).astype(int)
    if classes == 3:
        numbers_of_class += (frame["b"] > 5000).astype(int)

    return NAMES[numbers_of_class]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        LogisticRegressionCV(),
        SGDClassifier(loss="log_loss", random_state=0),
        SGDClassifier(loss="modified_huber", random_state=0),
    ],
    ids=str,
)
def test_classifiers_with_probabilities(model, classes, output):
    training = numbers()
    pipeline = make_pipeline(StandardScaler(), model).fit(training, labels_of(training, classes))
    step = ConvertedStep(pipeline, training, output)
    for frame in (numbers(seed=2), odd_numbers()):
        step.require_equal(frame)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [RidgeClassifier(), Perceptron(random_state=0), SGDClassifier(random_state=0)],
    ids=str,
)
def test_classifiers_without_probabilities(model, classes):
    training = numbers()
    pipeline = make_pipeline(StandardScaler(), model).fit(training, labels_of(training, classes))
    step = ConvertedStep(pipeline, training, "predict")
    for frame in (numbers(seed=2), odd_numbers()):
        step.require_equal(frame)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("handle_unknown", ["ignore", "error"])
def test_columns_of_all_kinds_with_nulls(classes, handle_unknown):
    """Tables and divisions are folded into the weights, which changes no answer."""
    training = pd.concat([numbers(), cities([np.nan])], axis=1)
    training.loc[::3, "a"] = np.nan
    gaps = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    columns = make_column_transformer(
        (gaps, ["a", "c"]),
        (OneHotEncoder(handle_unknown=handle_unknown), ["city", "plan"]),
        (OrdinalEncoder(encoded_missing_value=-1), ["plan"]),
        remainder="passthrough",
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=100_000))
    pipeline.fit(training, labels_of(training.fillna({"a": 0}), classes))
    step = ConvertedStep(pipeline, training, "predict_proba")
    step.require_equal(training, 1e-11)
    unseen = training.head(2).assign(city=["Rio", "Oslo"])
    if handle_unknown == "ignore":
        step.require_equal(unseen, 1e-11)
    else:
        step.require_both_fail(unseen)
