"""StackingClassifier and StackingRegressor: an estimator on what other estimators answer."""

from typing import Any

import numpy as np

from delivery.onnx.converters.meta import members
from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.shapes import columns_in


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of two classes the probabilities of the second alone go to the last estimator."""
    graph = Graph(scope, operator, container)
    model = graph.model
    fitted = [one for one in model.estimators_ if not isinstance(one, str)]
    methods = [method for method in model.stack_method_ if method is not None]
    parts, columns = [], 0
    for member, method in zip(fitted, methods, strict=True):
        part, width = _answer(graph, member, method)
        parts.append(part)
        columns += width

    if model.passthrough:
        parts.append(graph.matrix())
        columns += _columns_in(graph)

    last = members.variable(graph, graph.joined(parts), columns)
    outputs = graph.call(model.final_estimator_, [last])
    graph.output(outputs[-1].full_name, len(operator.outputs) - 1)
    if len(operator.outputs) > 1:
        _label(graph, outputs[0].full_name)


def _label(graph: Graph, label: str) -> None:
    """The last estimator predicts a class's number."""
    classes = np.asarray(graph.model.classes_)
    if not np.array_equal(graph.model.final_estimator_.classes_, np.arange(len(classes))):
        raise NotConvertible(f"{graph.step}: its last estimator has other classes")

    graph.classes(label, classes)


def _answer(graph: Graph, member: Any, method: str) -> tuple[str, int]:
    """What a member gives the last one, [n, columns], and how many columns."""
    if method == "predict_proba":
        probabilities, count = members.probabilities(graph, member), len(member.classes_)
        if count == 2:
            return members.column(graph, probabilities, 1), 1

        return probabilities, count

    if method == "decision_function":
        count = len(member.classes_)
        return members.decision(graph, member), count if count > 2 else 1

    if hasattr(member, "classes_"):
        raise NotConvertible(f"{graph.step} on predicted classes")

    return members.value(graph, member), 1


def _columns_in(graph: Graph) -> int:
    columns = columns_in(graph.operator)
    if columns is None:
        raise NotConvertible(f"{graph.step}: the number of its input columns is not known")

    return columns
