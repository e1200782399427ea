"""Estimators of several targets answer each of them as scikit-learn does."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLassoCV,
    Ridge,
)
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from delivery.onnx.graph import NotConvertible
from service.runtimes.pipeline_model import answer_of
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers
from tests.delivery.onnx.converters.rows import require_equal_everywhere, scaled, target

FRAME = scaled(numbers(240))
VALUES = np.column_stack([target(FRAME, 0), FRAME["a"] - FRAME["c"], FRAME["b"] ** 2])
FLAGS = np.column_stack([FRAME["a"] * FRAME["b"] > 0, FRAME["c"] > 0.5]).astype(int)
TEXTS = np.column_stack([target(FRAME, 2), target(FRAME[::-1], 2)])
UNEQUAL = np.column_stack([target(FRAME, 4), target(FRAME[::-1], 2)])


class OfTargets(ConvertedStep):
    """What it answers as the service reads it, a list of tables as one array."""

    def sklearn(self, frame):
        built = self.frames.build(self.reader.row_columns(frame.to_dict("records")))
        return answer_of(getattr(self.model, self.output), built)


def fitted(model, targets, output="predict"):
    return OfTargets(model.fit(FRAME, targets), FRAME, output)


@pytest.mark.parametrize("model", [
    LinearRegression(),
    Ridge(),
    MultiTaskElasticNet(alpha=0.1),
    MultiTaskLassoCV(cv=2),
    MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge())),
    RegressorChain(Ridge(), order=[2, 0, 1]),
    RegressorChain(make_pipeline(StandardScaler(), Ridge())),
    RandomForestRegressor(5, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
], ids=str)  # fmt: skip
def test_values(model):
    require_equal_everywhere(fitted(model, VALUES))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("model", [
    MultiOutputClassifier(LogisticRegression()),
    RandomForestClassifier(5, random_state=0),
    DecisionTreeClassifier(max_depth=4, random_state=0),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("targets", [FLAGS, TEXTS], ids=["numbers", "texts"])
def test_classes(model, targets, output):
    require_equal_everywhere(fitted(model, targets, output))


@pytest.mark.parametrize("model", [
    MultiOutputClassifier(LogisticRegression()),
    RandomForestClassifier(5, random_state=0),
], ids=str)  # fmt: skip
def test_targets_of_unequal_numbers_of_classes(model):
    require_equal_everywhere(fitted(model, UNEQUAL))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("order", [None, [1, 0]])
def test_a_chain_of_classes(order, output):
    model = ClassifierChain(LogisticRegression(), order=order)
    require_equal_everywhere(fitted(model, FLAGS, output))


def test_a_chain_that_passes_on_probabilities_has_no_form():
    model = ClassifierChain(LogisticRegression(), chain_method="predict_proba")
    with pytest.raises(NotConvertible, match="passes on predict_proba"):
        fitted(model, FLAGS)
