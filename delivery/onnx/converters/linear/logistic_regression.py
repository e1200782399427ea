"""LogisticRegression: a sigmoid of a weighted sum, or a softmax of several."""

from typing import Any

from delivery.onnx.converters.linear.scores import decision_scores, label_by_scores, two_columns
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of two classes the second is predicted where its score is above 0."""
    graph = Graph(scope, operator, container)
    scores = decision_scores(graph)
    label_by_scores(graph, scores)
    if len(graph.model.classes_) == 2:
        graph.output(two_columns(graph, graph.add("Sigmoid", scores)), 1)
    else:
        graph.output(graph.add("Softmax", scores, axis=1), 1)
