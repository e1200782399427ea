"""Multiplies a step's output by its weight in a ColumnTransformer or FeatureUnion."""

from typing import Any

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Mul."""
    graph = Graph(scope, operator, container)
    weight = graph.constant(float(operator.raw_operator.weight))
    graph.output(graph.add("Mul", graph.matrix(), weight))
