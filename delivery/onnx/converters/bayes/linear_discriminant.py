"""LinearDiscriminantAnalysis: weighted sums, then a sigmoid or a softmax."""

from typing import Any

from delivery.onnx.converters import scores
from delivery.onnx.converters.linear.scores import decision_scores, label_by_scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """As a classifier."""
    graph = Graph(scope, operator, container)
    decisions = decision_scores(graph)
    label_by_scores(graph, decisions)
    if len(graph.model.classes_) == 2:
        graph.output(scores.both(graph, scores.expit(graph, decisions)), 1)
    else:
        graph.output(scores.softmax(graph, decisions), 1)
