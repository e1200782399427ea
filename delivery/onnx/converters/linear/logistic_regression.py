"""LogisticRegression: a sigmoid of a weighted sum, or a softmax of several."""

from typing import Any

import numpy as np

from delivery.onnx.converters.linear.scores import decision_scores, label_by_scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of two classes the second is predicted where its score is above 0."""
    graph = Graph(scope, operator, container)
    scores = decision_scores(graph)
    label_by_scores(graph, scores)
    if len(graph.model.classes_) == 2:
        # The score of the first class is the negative of the second's.
        both = graph.add("Mul", scores, graph.constant(np.array([[-1.0, 1.0]])))
        graph.output(graph.add("Sigmoid", both), 1)
    else:
        graph.output(graph.add("Softmax", scores, axis=1), 1)
