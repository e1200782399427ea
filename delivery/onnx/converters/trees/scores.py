"""Turns sums of leaves into probabilities and the predicted class, in double."""

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


def largest(graph: Graph, scores: str) -> str:
    """The number of each row's largest score, of equals the first."""
    return graph.add("ArgMax", scores, axis=1, keepdims=0)


def index_where(graph: Graph, condition: str) -> str:
    """Class 1 where the condition of shape [n, 1] holds, else class 0."""
    return graph.add("Squeeze", graph.cast(condition, TensorProto.INT64), axes_of(graph, 1))


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


def both(graph: Graph, positive: str) -> str:
    """The probabilities of both classes of that of the second, shape [n, 2]."""
    negative = graph.add("Sub", graph.constant([1.0]), positive)
    return graph.add("Concat", negative, positive, axis=1)


def softmax(graph: Graph, raw: str) -> str:
    """Of each row, equal values of equal scores."""
    axis = axes_of(graph, 1)
    most = graph.add("ReduceMax", raw, axis, keepdims=1)
    powers = exp(graph, graph.add("Sub", raw, most))
    return graph.add("Div", powers, graph.add("ReduceSum", powers, axis, keepdims=1))
