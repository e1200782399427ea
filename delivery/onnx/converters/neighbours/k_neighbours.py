"""KNeighborsClassifier and KNeighborsRegressor: votes or the mean of the nearest training rows."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.neighbours.distances import (
    distances_of,
    nearest_rows,
    weights_of,
)
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of one target. Of equally distant rows the one that was fitted first is nearer."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if np.ndim(model._y) > 1 and np.shape(model._y)[1] > 1:
        raise NotConvertible(f"{graph.step} of several targets")

    values, numbers = nearest_rows(graph, graph.matrix(), model, model.n_neighbors)
    weights = _weights(graph, values)
    if hasattr(model, "classes_"):
        votes = _weighted_sum(graph, np.eye(len(model.classes_))[model._y], numbers, weights)
        scores.answer(graph, _shares(graph, votes))
    else:
        graph.output(_mean(graph, numbers, weights))


def _weights(graph: Graph, values: str) -> str | None:
    """Of every neighbour, [n, neighbours]; None where all have the same."""
    if graph.model.weights == "uniform":
        return None
    if graph.model.weights != "distance":
        raise NotConvertible(f"{graph.step} with weights by a function of one's own")

    return weights_of(graph, distances_of(graph, values, graph.model))


def _weighted_sum(graph: Graph, table: np.ndarray, numbers: str, weights: str | None) -> str:
    """The sum of the table's lines for the neighbours, [n, columns of the table]."""
    lines = graph.add("Gather", graph.constant(table.astype(np.float64)), numbers, axis=0)
    if weights is not None:
        last = graph.add("Unsqueeze", weights, graph.constant(np.array([2])))
        lines = graph.add("Mul", lines, last)

    return graph.add("ReduceSum", lines, graph.constant(np.array([1])), keepdims=0)


def _shares(graph: Graph, votes: str) -> str:
    return graph.add("Div", votes, scores.row_sums(graph, votes))


def _mean(graph: Graph, numbers: str, weights: str | None) -> str:
    model = graph.model
    values = np.asarray(model._y, dtype=np.float64).reshape(-1, 1)
    total = _weighted_sum(graph, values, numbers, weights)
    if weights is None:
        return graph.add("Div", total, graph.constant(float(model.n_neighbors)))

    return graph.add("Div", total, scores.row_sums(graph, weights))
