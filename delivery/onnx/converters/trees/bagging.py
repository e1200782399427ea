"""Bagging of decision trees, each on columns and perhaps classes of its own."""

from typing import Any

import numpy as np

from delivery.onnx.converters.trees import inputs, scores
from delivery.onnx.converters.trees.ensemble import vector_sums
from delivery.onnx.converters.trees.sklearn_trees import tree_of
from delivery.onnx.converters.trees.tree_arrays import Trees, joined
from delivery.onnx.graph import Graph, NotConvertible


def is_of_trees(model: Any) -> bool:
    """Whether every member is a single decision tree."""
    return all(hasattr(estimator, "tree_") for estimator in model.estimators_)


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The mean of the trees' probabilities, or of their values."""
    graph = Graph(scope, operator, container)
    if not is_of_trees(graph.model):
        raise NotConvertible(f"{graph.step} of other models than decision trees")

    if hasattr(graph.model, "classes_"):
        scores.output(graph, scores.of_probabilities(graph, _mean(graph)))
    else:
        graph.output(_mean(graph))


def _mean(graph: Graph) -> str:
    model = graph.model
    # Only columns that a tree sees are checked, as each tree checks its own.
    used = np.unique(np.concatenate(model.estimators_features_))
    rows = inputs.as_floats(graph)
    if len(used) < model.n_features_in_:
        rows = graph.add("Gather", rows, graph.constant(used), axis=1)

    allows_nan = inputs.allows_nan(model.estimators_[0])
    floats = inputs.without_infinity(graph, rows, allows_nan)
    total = vector_sums(graph, floats, _trees(model, used))
    return graph.add("Div", total, graph.constant([float(len(model.estimators_))]))


def _trees(model: Any, used: np.ndarray) -> Trees:
    parts = []
    for estimator, features in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = tree_of(estimator).with_features(np.searchsorted(used, features))
        parts.append(tree.with_value(_in_all_classes(model, estimator, tree.value)))

    return joined(parts)


def _in_all_classes(model: Any, estimator: Any, value: np.ndarray) -> np.ndarray:
    """Of a tree that saw some classes alone, its leaves' values for all of them."""
    if not hasattr(model, "n_classes_") or len(estimator.classes_) == model.n_classes_:
        return value

    everywhere = np.zeros((len(value), model.n_classes_))
    everywhere[:, estimator.classes_] = value
    return everywhere
