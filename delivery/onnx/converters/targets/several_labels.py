"""What classifiers of several targets put out: a class and probabilities for each target."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

from delivery.onnx.graph import Graph, NotConvertible, class_values


def set_shapes(operator: Any, classes: Sequence[np.ndarray]) -> None:
    """Labels of one type, [n, targets]; probabilities [n, targets, classes]."""
    types: dict[int, Any] = {
        TensorProto.STRING: StringTensorType,
        TensorProto.DOUBLE: DoubleTensorType,
        TensorProto.INT64: Int64TensorType,
    }
    operator.outputs[0].type = types[label_kind(classes)]([None, len(classes)])
    operator.outputs[1].type = DoubleTensorType([None, len(classes), None])


def label_kind(classes: Sequence[np.ndarray]) -> int:
    """The type in TensorProto of all targets' classes; raises NotConvertible for several types."""
    kinds = {class_values(np.asarray(labels)).dtype for labels in classes}
    if len(kinds) > 1:
        raise NotConvertible("classes of several targets that are not of one type")

    (kind,) = kinds
    if kind == np.dtype(object):
        return int(TensorProto.STRING)
    if kind == np.float64:
        return int(TensorProto.DOUBLE)

    return int(TensorProto.INT64)


def beside_each_other(graph: Graph, labels: Sequence[str]) -> str:
    """Labels [n] of each target as [n, targets]."""
    column = graph.constant(np.array([-1, 1], dtype=np.int64))
    return graph.joined(graph.add("Reshape", label, column) for label in labels)


def output_probabilities(
    graph: Graph, tables: Sequence[str], classes: Sequence[np.ndarray]
) -> None:
    """Make a table [n, classes] of each target the second output, [n, targets, classes].

    Of targets with different numbers of classes there is no such array: the first target's stands
    for it, which no comparison takes for the pipeline's own.
    """
    if len({len(labels) for labels in classes}) > 1:
        tables = tables[:1]

    axis = graph.constant(np.array([1], dtype=np.int64))
    planes = [graph.add("Unsqueeze", table, axis) for table in tables]
    graph.output(graph.joined(planes), 1)
