"""Networks, rising curves, and estimators that answer the same for every row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep
from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
SMALL = {"hidden_layer_sizes": (6, 4), "max_iter": 20, "random_state": 0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_the_classes_of_networks(activation, classes, output):
    model = MLPClassifier(activation=activation, **SMALL)
    require_equal_everywhere(fitted(model, output, classes))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_values_of_networks(activation):
    model = MLPRegressor(activation=activation, **SMALL)
    require_equal_everywhere(fitted(model, "predict", classes=0))


@pytest.mark.parametrize("strategy", ["prior", "most_frequent"])
@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_the_same_class_for_every_row(strategy, output):
    require_equal_everywhere(fitted(DummyClassifier(strategy=strategy), output, classes=3))


def test_the_same_value_for_every_row():
    require_equal_everywhere(fitted(DummyRegressor(strategy="median"), "predict", classes=0))


def test_a_class_that_is_drawn_is_refused():
    with pytest.raises(NotConvertible, match="draws"):
        fitted(DummyClassifier(strategy="uniform"), "predict")


@pytest.mark.parametrize("bounds", ["nan", "clip"])
def test_a_rising_curve(bounds):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"a": chance.normal(size=200).round(2)})
    model = IsotonicRegression(out_of_bounds=bounds).fit(frame, frame["a"] + chance.random(200))
    converted = ConvertedStep(model, frame, "predict")
    converted.require_equal(frame, 1e-12)
    low, high = model.X_thresholds_[[0, -1]]
    within = pd.DataFrame({"a": np.linspace(low, high, 500)})
    converted.require_equal(within, 1e-12)
    beyond = pd.DataFrame({"a": [low - 1, high + 1]})
    if bounds == "clip":
        converted.require_equal(beyond, 1e-12)
    else:
        converted.require_both_fail(beyond)
