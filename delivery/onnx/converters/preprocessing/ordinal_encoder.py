"""OrdinalEncoder: one number for each value."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph, GraphValue
from delivery.onnx.lookup import encoded_categories, looked_up
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One table for each column."""
    graph = Graph(scope, operator, container)
    parts = []
    for number, column in enumerate(graph.columns()):
        parts.append(_encoded(graph, column, number))

    graph.output(graph.joined(parts))


def _encoded(graph: Graph, column: GraphValue, number: int) -> str:
    categories = graph.model.categories_[number]
    encoded = encoded_categories(graph.model, number)
    values = encoded.known.toarray().ravel().astype(np.float64)
    if encoded.unknown is not None:
        other = float(encoded.unknown.toarray().ravel()[0])
        return looked_up(graph, column, categories, values, other)

    # An index beyond the end fails, as the value does in scikit-learn.
    numbers = np.arange(len(values), dtype=np.int64)
    code = looked_up(graph, column, categories, numbers, len(values))
    return graph.add("Gather", graph.constant(values), code, axis=0)
