"""ClassifierChain: numbers of classes, each also of those before it, as scikit-learn in floats."""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.meta.members import label_of, scores_of
from delivery.onnx.converters.targets.chain import in_order_of_targets, links
from delivery.onnx.converters.targets.several_labels import label_kind
from delivery.onnx.graph import Graph, NotConvertible


def shape(operator: Any) -> None:
    """A class and the second class's probability for each target."""
    count = len(operator.raw_operator.estimators_)
    operator.outputs[0].type = DoubleTensorType([None, count])
    operator.outputs[1].type = DoubleTensorType([None, count])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Raises NotConvertible for a chain that passes on something else than classes."""
    graph = Graph(scope, operator, container)
    if graph.model.chain_method_ != "predict":
        raise NotConvertible(f"{graph.step} that passes on {graph.model.chain_method_}")
    if label_kind([member.classes_ for member in graph.model.estimators_]) == TensorProto.STRING:
        raise NotConvertible(f"{graph.step} of classes that are texts")

    labels, probabilities = [], []
    for member, columns, label in links(graph, _class_of):
        labels.append(label)
        probabilities.append(_last_column(graph, scores_of(graph, member, columns)))

    graph.output(in_order_of_targets(graph, labels))
    graph.output(in_order_of_targets(graph, probabilities), 1)


def _class_of(graph: Graph, member: Any, columns: Any) -> str:
    """The class as a number in double, [n, 1]."""
    column = graph.constant(np.array([-1, 1], dtype=np.int64))
    label = graph.add("Reshape", label_of(graph, member, columns), column)
    return graph.cast(label, TensorProto.DOUBLE)


def _last_column(graph: Graph, scores: str) -> str:
    return graph.add("Gather", scores, graph.constant(np.array([-1], dtype=np.int64)), axis=1)
