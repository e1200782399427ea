"""SGDOneClassSVM: an outlier is a row whose weighted sum is below the offset."""

from typing import Any

from delivery.onnx.converters import scores
from delivery.onnx.converters.linear.scores import weighted_sums
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """-1 below 0, else 1."""
    graph = Graph(scope, operator, container)
    model = graph.model
    decision = weighted_sums(graph, graph.matrix(), model.coef_, -model.offset_)
    inlier = graph.add("GreaterOrEqual", decision, graph.constant(0.0))
    scores.outliers(graph, decision, inlier)
