"""Joins values to one matrix: texts with texts, numbers as double."""

from typing import Any

from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.shapes import columns_in


def shape(operator: Any) -> None:
    """Texts, or double."""
    kind = StringTensorType if _texts(operator) else DoubleTensorType
    operator.outputs[0].type = kind([None, columns_in(operator)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Concat, after casts."""
    graph = Graph(scope, operator, container)
    texts = _texts(operator)
    if texts and texts < len(operator.inputs):
        raise NotConvertible("a matrix of numbers and texts together")

    if texts:
        graph.output(graph.joined(tensor.name for tensor in graph.inputs()))
    else:
        graph.output(graph.matrix(TensorProto.DOUBLE))


def _texts(operator: Any) -> int:
    """How many of the values are texts."""
    return sum(isinstance(variable.type, StringTensorType) for variable in operator.inputs)
