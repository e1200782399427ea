"""MissingIndicator: 1 where a value is missing, else 0."""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.preprocessing.missing_values import (
    chosen_flags,
    missing_numbers,
    missing_texts,
)
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Flags of the columns that it shows."""
    graph = Graph(scope, operator, container)
    tensors = graph.inputs()
    if all(tensor.kind == TensorProto.STRING for tensor in tensors):
        flags = missing_texts(graph, graph.joined(tensor.name for tensor in tensors))
    else:
        flags = missing_numbers(graph, graph.matrix())

    graph.output(chosen_flags(graph, flags, np.asarray(graph.model.features_)))


def shape(operator: Any) -> None:
    """A column for each that it shows."""
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.features_)])
