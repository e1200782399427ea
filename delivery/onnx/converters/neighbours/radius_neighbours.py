"""RadiusNeighborsClassifier and RadiusNeighborsRegressor: of all training rows within a radius."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.neighbours.distances import power_of, reduced_distances
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of one target and with equal weights. The value of a row without a neighbour is NaN."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if model.weights != "uniform":
        raise NotConvertible(f"{graph.step} with weights by distance")
    if np.ndim(model._y) > 1 and np.shape(model._y)[1] > 1:
        raise NotConvertible(f"{graph.step} of several targets")

    within = _within(graph)
    if hasattr(model, "classes_"):
        _classes(graph, within)
    else:
        values = np.asarray(model._y, dtype=np.float64).reshape(-1, 1)
        total = graph.add("MatMul", within, graph.constant(values))
        graph.output(graph.add("Div", total, scores.row_sums(graph, within)))


def _within(graph: Graph) -> str:
    """1 for every training row within the radius, else 0, [n, training rows]."""
    model = graph.model
    limit = float(model.radius) ** power_of(graph, model)
    reduced = reduced_distances(graph, graph.matrix(), model)
    near = graph.add("LessOrEqual", reduced, graph.constant(limit))
    return graph.cast(near, TensorProto.DOUBLE)


def _classes(graph: Graph, within: str) -> None:
    """Shares of the votes; a row without a neighbour is of the class for outliers."""
    model = graph.model
    votes = graph.add("MatMul", within, graph.constant(np.eye(len(model.classes_))[model._y]))
    total = scores.row_sums(graph, votes)
    is_alone = graph.add("Equal", total, graph.constant(0.0))
    shares = graph.add("Div", votes, total)
    probabilities = graph.add("Where", is_alone, graph.constant(_of_outliers(graph)), shares)
    scores.answer(graph, probabilities)


def _of_outliers(graph: Graph) -> np.ndarray:
    """The probabilities of a row without a neighbour."""
    model = graph.model
    if model.outlier_label_ is None:
        raise NotConvertible(f"{graph.step} without a class for outliers")

    label = np.asarray(model.outlier_label_).ravel()[0]
    known = (np.asarray(model.classes_) == label).astype(np.float64)
    if not known.any():
        raise NotConvertible(f"{graph.step} with a class for outliers that training had not")

    return np.asarray(known).reshape(1, -1)
