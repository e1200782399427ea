"""Gradient boosting of scikit-learn's trees: a first value, then each leaf times the rate."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from delivery.onnx.converters import scores
from delivery.onnx.converters.scores import ClassScores
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import sums
from delivery.onnx.converters.trees.sklearn_trees import trees_of
from delivery.onnx.converters.trees.tree_arrays import Trees, constant_tree, joined
from delivery.onnx.graph import Graph, NotConvertible

# What these answer depends on no row and no chance.
CONSTANT_STRATEGIES = ("prior", "most_frequent", "constant", "mean", "median", "quantile")


def convert(scope: Any, operator: Any, container: Any) -> None:
    """All losses; a regressor's raw value is the value itself."""
    graph = Graph(scope, operator, container)
    raw = _raw(graph)
    if hasattr(graph.model, "classes_"):
        scores.output(graph, _class_scores(graph, graph.model, raw))
    else:
        graph.output(raw)


def _class_scores(graph: Graph, model: Any, raw: str) -> ClassScores:
    """Of two or more classes."""
    if model.n_trees_per_iteration_ > 1:
        return ClassScores(scores.largest(graph, raw), scores.softmax(graph, raw))

    zero = graph.constant([0.0])
    index = scores.index_where(graph, graph.add("GreaterOrEqual", raw, zero))
    positive = scores.expit(graph, _in_log_odds(graph, model, raw))
    return ClassScores(index, scores.both(graph, positive))


def _in_log_odds(graph: Graph, model: Any, raw: str) -> str:
    """The exponential loss counts in halves of them."""
    if model.loss != "exponential":
        return raw

    return graph.add("Mul", raw, graph.constant([2.0]))


def _raw(graph: Graph) -> str:
    """The first value and all leaves, added in scikit-learn's order."""
    model = graph.model
    doubles = inputs.floats_as_doubles(graph, allows_nan=False)
    stages = trees_of(model.estimators_.ravel())
    stages = stages.with_value(model.learning_rate * stages.value)
    per_stage = model.n_trees_per_iteration_
    targets = np.tile(np.arange(per_stage), len(model.estimators_))
    first = _first_value(model)
    trees = joined([*_constants(first), stages])
    return sums(graph, doubles, trees, np.append(np.arange(per_stage), targets))


def _constants(values: np.ndarray) -> list[Trees]:
    """A tree of one leaf each, so that the sum begins with them."""
    return [constant_tree([value]) for value in values.tolist()]


def _first_value(model: Any) -> np.ndarray:
    """Of each sum; raises NotConvertible where it depends on the row."""
    init = model.init_
    is_dummy = isinstance(init, (DummyClassifier, DummyRegressor))
    if init != "zero" and not (is_dummy and init.strategy in CONSTANT_STRATEGIES):
        raise NotConvertible(
            f"gradient boosting begins with what {type(init).__name__} predicts of the row, which "
            f"has no exact form: leave `init` out"
        )

    any_row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    return np.asarray(model._raw_predict_init(any_row)[0], dtype=np.float64)
