"""Puts the text that stands for null where the mask says so."""

from typing import Any

from skl2onnx.common.data_types import StringTensorType

from delivery.onnx.graph import Graph


def shape(operator: Any) -> None:
    """One column of texts."""
    operator.outputs[0].type = StringTensorType([None, 1])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Where."""
    graph = Graph(scope, operator, container)
    text, mask = graph.inputs()
    null = graph.constant([operator.raw_operator.text])
    graph.output(graph.add("Where", mask.name, null, text.name))
