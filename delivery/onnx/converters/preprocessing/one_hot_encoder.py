"""OneHotEncoder: the number of the column that is 1, compared with the numbers of all columns."""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph, GraphValue
from delivery.onnx.lookup import encoded_categories, looked_up


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The numbers of one encoder's columns go on from one input column to the next."""
    graph = Graph(scope, operator, container)
    widths = list(map(int, graph.model._n_features_outs))
    parts = []
    for number, column in enumerate(graph.columns()):
        columns = np.arange(sum(widths[:number]), sum(widths[: number + 1]), dtype=np.int64)
        code = _number_of_one(graph, column, number, columns)
        if len(columns):
            parts.append(graph.add("Equal", code, graph.constant(columns.reshape(1, -1))))

    graph.output(graph.cast(graph.joined(parts), TensorProto.DOUBLE))


def shape(operator: Any) -> None:
    """As many columns as all its categories."""
    operator.outputs[0].type = DoubleTensorType([None, sum(operator.raw_operator._n_features_outs)])


def _number_of_one(graph: Graph, column: GraphValue, number: int, columns: np.ndarray) -> str:
    """The number of the column that is 1 for each value, or a number that no column has."""
    model = graph.model
    none = int(sum(model._n_features_outs))
    encoded = encoded_categories(model, number)
    values = _ones(encoded.known, columns, none)
    fails = encoded.unknown is None
    other = none + 1 if fails else int(_ones(encoded.unknown, columns, none)[0])
    code = looked_up(graph, column, model.categories_[number], values, other)
    if not fails:
        return code

    # An index beyond the end fails, as the value does in scikit-learn.
    return graph.add("Gather", graph.constant(np.arange(none + 1, dtype=np.int64)), code, axis=0)


def _ones(encoded: Any, columns: np.ndarray, none: int) -> np.ndarray:
    """Of each row of a sparse matrix the number of the column that is 1, `none` where all are 0."""
    numbers = np.full(encoded.shape[0], none, dtype=np.int64)
    rows, ones = encoded.nonzero()
    numbers[rows] = columns[ones]
    return numbers
