"""A search over parameters answers what its best estimator answers."""

from typing import Any

from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The best estimator on the same columns."""
    graph = Graph(scope, operator, container)
    outputs = graph.call(graph.model.best_estimator_, operator.inputs)
    for number, output in enumerate(outputs):
        graph.output(output.full_name, number)
