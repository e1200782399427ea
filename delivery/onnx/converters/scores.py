"""Turns scores into a class and probabilities, in double."""

import math
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph


@dataclass(frozen=True)
class ClassScores:
    """What a classifier answers, as names of tensors.

    index: number of the predicted class, int64 [n]. probabilities: double [n, classes].
    """

    index: str
    probabilities: str


def output(graph: Graph, scores: ClassScores) -> None:
    """Make the class and the probabilities the step's outputs."""
    graph.classes(scores.index, graph.model.classes_)
    graph.output(scores.probabilities, 1)


def of_probabilities(graph: Graph, probabilities: str) -> ClassScores:
    """The class is the first of the largest."""
    return ClassScores(largest(graph, probabilities), probabilities)


def axes_of(graph: Graph, *axes: int) -> str:
    """The tensor of axes that an operator takes as input."""
    return graph.constant(np.array(axes, dtype=np.int64))


def exp(graph: Graph, exponents: str) -> str:
    """Of each value by itself.

    The operators Exp, Sigmoid and Softmax round a value otherwise at another place in the batch,
    which would break ties; Pow does not.
    """
    return graph.add("Pow", graph.constant(np.array(math.e)), exponents)


def expit(graph: Graph, raw: str) -> str:
    """1 / (1 + exp(-raw))."""
    one = graph.constant([1.0])
    return graph.add("Div", one, graph.add("Add", one, exp(graph, graph.add("Neg", raw))))


def softmax(graph: Graph, raw: str) -> str:
    """Of each row, equal values of equal scores."""
    axis = axes_of(graph, 1)
    most = graph.add("ReduceMax", raw, axis, keepdims=1)
    powers = exp(graph, graph.add("Sub", raw, most))
    return graph.add("Div", powers, graph.add("ReduceSum", powers, axis, keepdims=1))


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


def both(graph: Graph, positive: str) -> str:
    """The probabilities of both classes of that of the second, [n, 2]."""
    return graph.joined([graph.add("Sub", graph.constant(1.0), positive), positive])


def column(graph: Graph, matrix: str, number: int) -> str:
    """One column, [n, 1]."""
    return graph.add("Gather", matrix, graph.constant(np.array([number])), axis=1)


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
