"""Distances of rows to training rows, in the order of operations that scikit-learn has."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import (
    dense,
    ranked_distances,
    squared_distances,
    summed_distances,
)
from delivery.onnx.graph import Graph, NotConvertible

EPSILON = float(np.finfo(np.float64).eps)
# Of the squared size of what is looked for: so much of it must be left in a rounded distance.
PRODUCT_DIGITS, SQUARE_DIGITS = 1e-8, 1e-6
METRICS = {"euclidean": 2, "l2": 2, "manhattan": 1, "cityblock": 1, "l1": 1}


def reduced_distances(graph: Graph, rows: str, model: Any) -> str:
    """Of each row to each training row, [n, training rows]: squared for the Euclidean metric.

    A search by trees adds up one column after the other.
    """
    training, power = dense(model._fit_X), power_of(graph, model)
    if _is_by_products(graph, model):
        return squared_distances(graph, rows, training)

    return summed_distances(graph, rows, training, power)


def nearest_rows(
    graph: Graph, rows: str, model: Any, count: int, fails_far: bool = True
) -> tuple[str, str]:
    """The reduced distances and the numbers of the nearest training rows, each [n, count].

    Of equally distant ones the first. fails_far: a row fails that is so far from all training rows
    that rounding decides which of them is nearer.
    """
    training = dense(model._fit_X)
    by_products = _is_by_products(graph, model)
    if fails_far:
        rows = unless_far(graph, rows, far_limit(training, by_products))

    reduced = reduced_distances(graph, rows, model)
    if not by_products:
        return _smallest(graph, reduced, count)

    _, numbers = _smallest(graph, ranked_distances(graph, rows, training), count)
    return graph.add("GatherElements", reduced, numbers, axis=1), numbers


def far_limit(training: np.ndarray, by_products: bool) -> float:
    """The number from which on distances to these rows are told apart by rounding alone.

    A product of two rows is rounded in proportion to both, a square to the square of the row.
    """
    size = float(np.square(training - training.mean(axis=0)).sum(axis=1).mean())
    if by_products:
        largest = float(np.abs(training).max()) * training.shape[1]
        return float(PRODUCT_DIGITS * size / (EPSILON * max(largest, EPSILON)))

    return float(np.sqrt(SQUARE_DIGITS * size / EPSILON))


def unless_far(graph: Graph, rows: str, limit: float) -> str:
    """The rows; the call fails where one holds a number beyond the limit."""
    axes = graph.constant(np.array([1]))
    largest = graph.add("ReduceMax", graph.add("Abs", rows), axes, keepdims=1)
    return scores.unless(graph, rows, graph.add("Greater", largest, graph.constant(limit)))


def _is_by_products(graph: Graph, model: Any) -> bool:
    """Whether scikit-learn computes the distances from products."""
    return power_of(graph, model) == 2 and model._fit_method == "brute"


def power_of(graph: Graph, model: Any) -> int:
    """2 for the Euclidean metric, 1 for the sum of absolute differences."""
    metric = model.effective_metric_
    if metric == "minkowski":
        power = model.effective_metric_params_.get("p", model.p)
    else:
        power = METRICS.get(metric)

    if power not in (1, 2):
        raise NotConvertible(f"{graph.step} with the metric {metric!r}")

    return int(power)


def distances_of(graph: Graph, reduced: str, model: Any) -> str:
    """The distances themselves."""
    if power_of(graph, model) == 2:
        return graph.add("Sqrt", reduced)

    return reduced


def _smallest(graph: Graph, values: str, count: int) -> tuple[str, str]:
    smallest, numbers = graph.add_many(
        "TopK",
        values,
        graph.constant(np.array([count])),
        outputs=2,
        axis=1,
        largest=0,
        sorted=1,
    )
    return smallest, numbers


def weights_of(graph: Graph, distances: str) -> str:
    """One over the distance; where one is 0, 1 for those of 0 and 0 for all others."""
    zero = graph.constant(0.0)
    is_zero = graph.add("Equal", distances, zero)
    flags = graph.cast(is_zero, TensorProto.DOUBLE)
    has_zero = graph.add("ReduceMax", flags, graph.constant(np.array([1])), keepdims=1)
    inverse = graph.add("Div", graph.constant(1.0), distances)
    return graph.add("Where", graph.cast(has_zero, TensorProto.BOOL), flags, inverse)
