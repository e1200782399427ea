"""Weighted sums of the columns, and classes of them."""

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph


def weighted_sums(graph: Graph, value: str, coefficients: np.ndarray, offsets: np.ndarray) -> str:
    """value @ coefficients.T + offsets, of shape [n, sums], in one node.

    coefficients: [sums, columns] or [columns]. offsets: [sums], or one of all.
    """
    weights = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    added = np.broadcast_to(np.asarray(offsets, dtype=np.float64).ravel(), (len(weights),))
    return graph.add("Gemm", value, graph.constant(weights.T.copy()), graph.constant(added.copy()))


def decision_scores(graph: Graph) -> str:
    """What decision_function answers, of shape [n, 1] for two classes, else [n, classes]."""
    model = graph.model
    return weighted_sums(graph, graph.matrix(), model.coef_, model.intercept_)


def label_by_scores(graph: Graph, scores: str) -> None:
    """Make the class of each row's scores the first output."""
    classes = graph.model.classes_
    if len(classes) == 2:
        positive = graph.add("Greater", scores, graph.constant(0.0))
        column = graph.cast(positive, TensorProto.INT64)
        numbers = graph.add("Reshape", column, graph.constant(np.array([-1], dtype=np.int64)))
    else:
        numbers = graph.add("ArgMax", scores, axis=1, keepdims=0)

    graph.classes(numbers, classes)


def normalized(graph: Graph, probabilities: str) -> str:
    """Each row divided by its sum; a row of zeros becomes a row of equal parts."""
    axis = graph.constant(np.array([1], dtype=np.int64))
    total = graph.add("ReduceSum", probabilities, axis, keepdims=1)
    is_zero = graph.add("Equal", total, graph.constant(0.0))
    one, count = graph.constant(1.0), graph.constant(float(len(graph.model.classes_)))
    filled = graph.add("Where", is_zero, one, probabilities)
    return graph.add("Div", filled, graph.add("Where", is_zero, count, total))
