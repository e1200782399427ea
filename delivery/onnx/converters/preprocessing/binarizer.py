"""Binarizer: 1 above its threshold, else 0."""

from typing import Any

from onnx import TensorProto

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Greater."""
    graph = Graph(scope, operator, container)
    above = graph.add("Greater", graph.matrix(), graph.constant(float(graph.model.threshold)))
    graph.output(graph.cast(above, TensorProto.DOUBLE))
