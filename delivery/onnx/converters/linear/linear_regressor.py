"""Regressors that answer a weighted sum of the columns."""

from typing import Any

from delivery.onnx.converters.linear.scores import weighted_sums
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One node."""
    graph = Graph(scope, operator, container)
    model = graph.model
    graph.output(weighted_sums(graph, graph.matrix(), model.coef_, model.intercept_))
