"""VotingClassifier and VotingRegressor: the mean of several estimators, or most of their votes."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.meta import members
from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """By weight where they have weights."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if not hasattr(model, "classes_"):
        graph.output(_mean(graph, [members.value(graph, one) for one in model.estimators_]))
    elif model.voting == "soft":
        parts = [members.probabilities(graph, one) for one in model.estimators_]
        scores.answer(graph, _mean(graph, parts))
    else:
        scores.answer(graph, _votes(graph))


def _mean(graph: Graph, parts: list[str]) -> str:
    weights = _weights(graph.model, len(parts))
    return graph.add("Div", _sum(graph, parts, weights), graph.constant(float(weights.sum())))


def _votes(graph: Graph) -> str:
    """The weight of the votes for every class; members predict its number."""
    model, parts = graph.model, []
    numbers = graph.constant(np.arange(len(model.classes_)).reshape(1, -1))
    for one in model.estimators_:
        label = graph.cast(members.value(graph, one), TensorProto.INT64)
        upright = graph.add("Reshape", label, graph.constant(np.array([-1, 1])))
        equal = graph.add("Equal", upright, numbers)
        parts.append(graph.cast(equal, TensorProto.DOUBLE))

    return _sum(graph, parts, _weights(model, len(parts)))


def _sum(graph: Graph, parts: list[str], weights: np.ndarray) -> str:
    total = graph.constant(0.0)
    for part, weight in zip(parts, weights.tolist(), strict=True):
        if weight != 1:
            part = graph.add("Mul", part, graph.constant(weight))

        total = graph.add("Add", total, part)

    return total


def _weights(model: Any, count: int) -> np.ndarray:
    weights = model._weights_not_none
    if weights is None:
        return np.ones(count)

    return np.asarray(weights, dtype=np.float64)
