"""Bagging of decision trees, each on columns of its own."""

from typing import Any

import numpy as np

from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import vector_sums
from delivery.onnx.converters.trees.sklearn_trees import tree_of
from delivery.onnx.converters.trees.tree_arrays import Trees, joined
from delivery.onnx.graph import Graph


def is_of_trees(model: Any) -> bool:
    """Whether every member is a single decision tree."""
    return all(hasattr(estimator, "tree_") for estimator in model.estimators_)


def mean_of_trees(graph: Graph) -> str:
    """The mean of the trees' probabilities, or of their values, shape [n, columns]."""
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
        parts.append(tree_of(estimator).with_features(np.searchsorted(used, features)))

    return joined(parts)
