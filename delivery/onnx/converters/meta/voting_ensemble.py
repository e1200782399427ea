"""Voting: the mean of probabilities or values, or the class that most members name."""

from typing import Any

from delivery.onnx.converters.meta.members import (
    average,
    label_of,
    scores_of,
    value_of,
    votes_of,
)
from delivery.onnx.converters.scores import largest
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of two equal scores the first wins."""
    graph = Graph(scope, operator, container)
    model, weights = graph.model, graph.model._weights_not_none
    if not hasattr(model, "classes_"):
        values = [value_of(graph, member, operator.inputs) for member in model.estimators_]
        graph.output(average(graph, values, weights))
        return

    if model.voting == "soft":
        parts = [scores_of(graph, member, operator.inputs) for member in model.estimators_]
        scores = average(graph, parts, weights)
    else:
        scores = average(graph, _votes(graph), weights)

    graph.classes(largest(graph, scores), model.classes_)
    graph.output(scores, 1)


def _votes(graph: Graph) -> list[str]:
    """Of each member, which names classes by their number."""
    votes = []
    for member in graph.model.estimators_:
        label = label_of(graph, member, graph.operator.inputs)
        votes.append(votes_of(graph, label, len(graph.model.classes_)))

    return votes
