"""SVC, NuSVC, SVR, NuSVR and OneClassSVM: weighted kernels with the support vectors."""

from itertools import combinations
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import dense, named_kernel
from delivery.onnx.graph import Graph, NotConvertible

MULTIPLIER = 3.0


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes by the votes of all pairs, a value, or 1 and -1."""
    graph = Graph(scope, operator, container)
    model = graph.model
    rows = graph.matrix()
    kernel = named_kernel(graph, rows, dense(model.support_vectors_), model, model._gamma)
    if hasattr(model, "classes_"):
        _classes(graph, kernel)
    elif len(operator.outputs) == 2:
        _outliers(graph, kernel)
    else:
        graph.output(_weighted(graph, kernel, dense(model.dual_coef_).T, model.intercept_))


def _outliers(graph: Graph, kernel: str) -> None:
    """1 where the decision is above 0, else -1."""
    model = graph.model
    decision = _weighted(graph, kernel, dense(model.dual_coef_).T, model.intercept_)
    scores.outliers(graph, decision, graph.add("Greater", decision, graph.constant(0.0)))


def _classes(graph: Graph, kernel: str) -> None:
    model = graph.model
    count = len(model.classes_)
    # As the library itself has them; the public ones have another sign for two classes.
    decisions = _weighted(graph, kernel, _pair_weights(model), model._intercept_)
    votes = _votes(graph, graph.add("Greater", decisions, graph.constant(0.0)), count)
    graph.classes(scores.largest(graph, votes), model.classes_)
    if getattr(model, "probability", False) is True:
        graph.output(_probabilities(graph, decisions), 1)
    elif count == 2:
        graph.output(graph.add("Neg", decisions), 1)
    else:
        graph.output(_one_vs_rest(graph, decisions, count), 1)


def _weighted(graph: Graph, kernel: str, weights: np.ndarray, offsets: Any) -> str:
    product = graph.add("MatMul", kernel, graph.constant(np.ascontiguousarray(weights)))
    row = np.asarray(offsets, dtype=np.float64).reshape(1, -1)
    return graph.add("Add", product, graph.constant(row))


def _pair_weights(model: Any) -> np.ndarray:
    """Of every support vector for every pair of classes, [vectors, pairs]."""
    coefficients, counts = dense(model._dual_coef_), model._n_support
    ends = np.cumsum(counts)
    parts = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    pairs = list(combinations(range(len(counts)), 2))
    weights = np.zeros((coefficients.shape[1], len(pairs)))
    for number, (one, other) in enumerate(pairs):
        weights[parts[one], number] = coefficients[other - 1, parts[one]]
        weights[parts[other], number] = coefficients[one, parts[other]]

    return weights


def _votes(graph: Graph, first_wins: str, count: int) -> str:
    """How many pairs every class wins, [n, classes]."""
    flags = graph.cast(first_wins, TensorProto.DOUBLE)
    first, second = pair_members(count)
    for_first = graph.add("MatMul", flags, graph.constant(first))
    others = graph.add("Sub", graph.constant(1.0), flags)
    return graph.add("Add", for_first, graph.add("MatMul", others, graph.constant(second)))


def pair_members(count: int) -> tuple[np.ndarray, np.ndarray]:
    """1 where a class is the first, and where it is the second of a pair, [pairs, classes]."""
    pairs = list(combinations(range(count), 2))
    first, second = np.zeros((len(pairs), count)), np.zeros((len(pairs), count))
    for number, (one, other) in enumerate(pairs):
        first[number, one] = 1
        second[number, other] = 1

    return first, second


def _one_vs_rest(graph: Graph, decisions: str, count: int) -> str:
    """Votes, and within less than one vote the sum of the decisions."""
    first, second = pair_members(count)
    votes = _votes(graph, graph.add("GreaterOrEqual", decisions, graph.constant(0.0)), count)
    sums = graph.add("MatMul", decisions, graph.constant(first - second))
    size = graph.add("Add", graph.add("Abs", sums), graph.constant(1.0))
    share = graph.add("Div", sums, graph.add("Mul", size, graph.constant(MULTIPLIER)))
    return graph.add("Add", votes, share)


def _probabilities(graph: Graph, decisions: str) -> str:
    """Of two classes, by the sigmoid that was fitted to the decisions."""
    model = graph.model
    if len(model.classes_) != 2:
        raise NotConvertible(f"{graph.step} with the probabilities of more than two classes")

    scaled = graph.add("Mul", decisions, graph.constant(float(model.probA_[0])))
    raw = graph.add("Neg", graph.add("Add", scaled, graph.constant(float(model.probB_[0]))))
    first = scores.expit(graph, raw)
    least = graph.constant(1e-7)
    first = graph.add("Min", graph.add("Max", first, least), graph.constant(1 - 1e-7))
    return graph.joined([first, graph.add("Sub", graph.constant(1.0), first)])
