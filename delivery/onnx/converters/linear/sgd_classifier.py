"""SGDClassifier: probabilities for two of its losses, scores for all others."""

from typing import Any

from delivery.onnx.converters.linear.scores import (
    decision_scores,
    label_by_scores,
    normalized,
)
from delivery.onnx.converters.scores import both
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The class is the one of the largest score, whatever the loss is."""
    graph = Graph(scope, operator, container)
    scores = decision_scores(graph)
    label_by_scores(graph, scores)
    graph.output(_probabilities(graph, scores), 1)


def _probabilities(graph: Graph, scores: str) -> str:
    loss = graph.model.loss
    if loss == "log_loss":
        single = graph.add("Sigmoid", scores)
    elif loss == "modified_huber":
        clipped = graph.add("Clip", scores, graph.constant(-1.0), graph.constant(1.0))
        raised = graph.add("Add", clipped, graph.constant(1.0))
        single = graph.add("Div", raised, graph.constant(2.0))
    else:
        return scores

    if len(graph.model.classes_) == 2:
        return both(graph, single)

    return normalized(graph, single)
