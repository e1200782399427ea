"""Turns scores into a class and probabilities, in double."""

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.trees import scores as tree_scores
from delivery.onnx.graph import Graph


def answer(graph: Graph, probabilities: str) -> None:
    """Make the first of the largest probabilities the class, and all of them the second output."""
    graph.classes(largest(graph, probabilities), graph.model.classes_)
    graph.output(probabilities, 1)


def largest(graph: Graph, scores: str) -> str:
    """The number of each row's largest score, of equals the first, [n]."""
    return graph.add("ArgMax", scores, axis=1, keepdims=0)


def smallest(graph: Graph, scores: str) -> str:
    """The number of each row's smallest score, of equals the first, [n]."""
    return graph.add("ArgMin", scores, axis=1, keepdims=0)


def index_where(graph: Graph, condition: str) -> str:
    """1 where a condition of shape [n, 1] holds, else 0, [n]."""
    flat = graph.constant(np.array([-1]))
    return graph.add("Reshape", graph.cast(condition, TensorProto.INT64), flat)


def expit(graph: Graph, raw: str) -> str:
    """1 / (1 + exp(-raw)); ONNX Runtime's Sigmoid is not as exact."""
    one = graph.constant(1.0)
    return graph.add(
        "Div", one, graph.add("Add", one, tree_scores.exp(graph, graph.add("Neg", raw)))
    )


def both(graph: Graph, positive: str) -> str:
    """The probabilities of both classes of that of the second, [n, 2]."""
    return graph.joined([graph.add("Sub", graph.constant(1.0), positive), positive])


softmax = tree_scores.softmax


def row_sums(graph: Graph, values: str) -> str:
    """Of each row, [n, 1]."""
    return graph.add("ReduceSum", values, graph.constant(np.array([1])), keepdims=1)


def unless(graph: Graph, value: str, condition: str) -> str:
    """The value in double; the call fails where a condition holds for any of its rows.

    Then the second value of a tensor of one value is read. The service finds the rows at fault.
    """
    holds = graph.add("ReduceMax", graph.cast(condition, TensorProto.INT64), keepdims=0)
    zero = graph.add("Gather", graph.constant(np.zeros(1)), holds)
    return graph.add("Add", value, zero)


def outliers(graph: Graph, decision: str, is_inlier: str) -> None:
    """Make 1 where a condition holds and -1 elsewhere the first output, the decision the second."""
    graph.classes(index_where(graph, is_inlier), np.array([-1, 1]))
    graph.output(decision, 1)
