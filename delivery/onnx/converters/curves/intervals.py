"""Finds the interval between sorted points that a number lies in."""

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph


def interval_numbers(graph: Graph, value: str, points: np.ndarray) -> str:
    """Of numbers of shape [n, 1] the interval from one point to the next, int64 of shape [n].

    What is below the first point is in the first interval, what is above the last in the last.
    """
    inner = np.asarray(points[1:-1], dtype=np.float64)
    if not len(inner):
        inner = np.array([np.inf])

    reached = graph.add("GreaterOrEqual", value, graph.constant(inner.reshape(1, -1)))
    axis = graph.constant(np.array([1], dtype=np.int64))
    return graph.add("ReduceSum", graph.cast(reached, TensorProto.INT64), axis, keepdims=0)


def entries(graph: Graph, table: np.ndarray, numbers: str) -> str:
    """The table's entry, or its row, for each number."""
    return graph.add("Gather", graph.constant(np.asarray(table, dtype=np.float64)), numbers, axis=0)
