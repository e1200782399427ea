"""RegressorChain: values, each also of those before it."""

from typing import Any

from delivery.onnx.converters.meta.members import value_of
from delivery.onnx.converters.targets.chain import in_order_of_targets, links
from delivery.onnx.converters.targets.multi_output_regressor import shape
from delivery.onnx.graph import Graph

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """In the order of the chain."""
    graph = Graph(scope, operator, container)
    values = [value for _, _, value in links(graph, value_of)]
    graph.output(in_order_of_targets(graph, values))
