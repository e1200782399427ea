"""Normalizer: each row divided by its norm, and a row of zeros as it is."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "normalized", "shape"]

_REDUCTIONS = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of the norm that it was made with."""
    graph = Graph(scope, operator, container)
    graph.output(normalized(graph, graph.matrix(), graph.model.norm))


def normalized(graph: Graph, value: str, name: str) -> str:
    """Divide by the norm of that name, or by 1 where it is 0."""
    measured = graph.add("Abs", value) if name == "max" else value
    axis = graph.constant(np.array([1], dtype=np.int64))
    norm = graph.add(_REDUCTIONS[name], measured, axis, keepdims=1)
    is_zero = graph.add("Equal", norm, graph.constant(0.0))
    divisor = graph.add("Where", is_zero, graph.constant(1.0), norm)
    return graph.add("Div", value, divisor)
