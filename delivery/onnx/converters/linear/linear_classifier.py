"""Classifiers that answer the class of the largest weighted sum, and no probabilities."""

from typing import Any

from delivery.onnx.converters.linear.scores import decision_scores, label_by_scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The scores stand where other classifiers have probabilities."""
    graph = Graph(scope, operator, container)
    scores = decision_scores(graph)
    label_by_scores(graph, scores)
    graph.output(scores, 1)
