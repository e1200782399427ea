"""KBinsDiscretizer: the number of inner edges that a value is not below."""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import columns_in


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Count edges; then one column a bin, or the number itself."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    for number, column in enumerate(graph.columns()):
        value = graph.as_kind(column, TensorProto.DOUBLE)
        edges = np.asarray(model.bin_edges_[number][1:-1], dtype=np.float64)
        parts.append(_encoded(graph, value, edges))

    graph.output(graph.joined(parts))


def shape(operator: Any) -> None:
    """A column for each bin, or for each input column."""
    model = operator.raw_operator
    width = columns_in(operator)
    if model.encode != "ordinal":
        width = int(sum(model.n_bins_))

    operator.outputs[0].type = DoubleTensorType([None, width])


def _encoded(graph: Graph, value: str, edges: np.ndarray) -> str:
    if graph.model.encode == "ordinal":
        return _bin(graph, value, edges)

    first = graph.constant(np.append(-np.inf, edges).reshape(1, -1))
    last = graph.constant(np.append(edges, np.inf).reshape(1, -1))
    from_first = graph.add("GreaterOrEqual", value, first)
    before_last = graph.add("Less", value, last)
    return graph.cast(graph.add("And", from_first, before_last), TensorProto.DOUBLE)


def _bin(graph: Graph, value: str, edges: np.ndarray) -> str:
    if not len(edges):
        return graph.add("Mul", value, graph.constant(0.0))

    reached = graph.add("GreaterOrEqual", value, graph.constant(edges.reshape(1, -1)))
    axis = graph.constant(np.array([1], dtype=np.int64))
    return graph.add("ReduceSum", graph.cast(reached, TensorProto.DOUBLE), axis, keepdims=1)
