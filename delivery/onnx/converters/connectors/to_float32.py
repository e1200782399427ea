"""Makes numbers of 32 bits, for converters of skl2onnx that know no others."""

from typing import Any

from onnx import TensorProto
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import columns_in


def shape(operator: Any) -> None:
    """As many columns of float; texts stay texts."""
    kind = FloatTensorType
    if isinstance(operator.inputs[0].type, StringTensorType):
        kind = StringTensorType

    operator.outputs[0].type = kind([None, columns_in(operator)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Cast."""
    graph = Graph(scope, operator, container)
    if isinstance(operator.inputs[0].type, StringTensorType):
        graph.output(graph.joined(tensor.name for tensor in graph.inputs()))
    else:
        graph.output(graph.matrix(TensorProto.FLOAT))
