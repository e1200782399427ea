"""RandomTreesEmbedding: a column for each leaf, 1 where a row came to it."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import chosen_leaves
from delivery.onnx.converters.trees.sklearn_trees import trees_of
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Ones put into zeros."""
    graph = Graph(scope, operator, container)
    model = graph.model
    floats = inputs.floats(graph, inputs.allows_nan(model.estimators_[0]))
    columns, width = _column_of_leaf(model)
    leaves = chosen_leaves(graph, floats, trees_of(model.estimators_), columns)
    numbers = graph.add("Transpose", leaves, perm=[1, 0])
    ones = graph.cast(graph.add("Equal", numbers, numbers), TensorProto.DOUBLE)
    zeros = graph.zeros(floats, width)
    graph.output(graph.add("ScatterElements", zeros, numbers, ones, axis=1))


def _column_of_leaf(model: Any) -> tuple[np.ndarray, int]:
    """The column of each leaf of all trees, in their order, and how many there are.

    Raises NotConvertible where a leaf has none.
    """
    columns, width = [], 0
    categories = model.one_hot_encoder_.categories_
    for estimator, known in zip(model.estimators_, categories, strict=True):
        leaves = np.flatnonzero(estimator.tree_.children_left < 0)
        if not np.array_equal(leaves, known):
            raise NotConvertible("RandomTreesEmbedding with leaves that no training row came to")

        columns.append(width + np.arange(len(leaves)))
        width += len(leaves)

    return np.concatenate(columns), width
