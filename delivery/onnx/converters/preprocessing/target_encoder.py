"""TargetEncoder: the mean of the target for each category, and of all for an unseen one."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph
from delivery.onnx.lookup import category_codes


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One row of a table for each value."""
    graph = Graph(scope, operator, container)
    parts = []
    for number, column in enumerate(graph.columns()):
        categories = graph.model.categories_[number]
        codes = category_codes(graph, column, categories, unknown=len(categories))
        flat = graph.add("Reshape", codes, graph.constant(np.array([-1], dtype=np.int64)))
        table = graph.constant(_table(graph.model, number))
        parts.append(graph.add("Gather", table, flat, axis=0))

    graph.output(graph.joined(parts))


def shape(operator: Any) -> None:
    """A column for each input column, or one for each of them and each class."""
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.encodings_)])


def _table(model: Any, number: int) -> np.ndarray:
    """The encodings of a column and below them the means, [categories + 1, 1 or classes]."""
    means = np.atleast_1d(np.asarray(model.target_mean_, dtype=np.float64))
    width = len(model.encodings_) // model.n_features_in_
    columns = model.encodings_[number * width : (number + 1) * width]
    return np.vstack([np.column_stack(columns), means.reshape(1, -1)])
