"""Calibrated classifiers: each member's scores through a sigmoid or a curve, then the mean."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.meta.members import average, scores_of
from delivery.onnx.converters.trees.scores import both, expit, largest
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of equal probabilities the first class wins."""
    graph = Graph(scope, operator, container)
    members = graph.model.calibrated_classifiers_
    probabilities = average(graph, [_probabilities(graph, member) for member in members], None)
    graph.classes(largest(graph, probabilities), graph.model.classes_)
    graph.output(probabilities, 1)


def _probabilities(graph: Graph, member: Any) -> str:
    """Of one calibrated member, of shape [n, classes]."""
    if member.method not in ("sigmoid", "isotonic"):
        raise NotConvertible(f"{graph.step} with method={member.method!r}")

    count = len(member.classes)
    if len(member.estimator.classes_) != count:
        raise NotConvertible(f"{graph.step} with a member that saw some classes alone")

    columns = _scores(graph, member.estimator, count)
    parts = [
        _calibrated(graph, column, calibrator)
        for column, calibrator in zip(columns, member.calibrators, strict=True)
    ]
    if count == 2:
        return both(graph, parts[0])

    return _normalized(graph, graph.joined(parts), count)


def _scores(graph: Graph, estimator: Any, count: int) -> list[str]:
    """What is calibrated, one column a calibrator: of two classes the second's alone."""
    decides, has_probabilities = (
        hasattr(estimator, name) for name in ("decision_function", "predict_proba")
    )
    if decides and has_probabilities:
        raise NotConvertible(f"{graph.step} of decision_function of {type(estimator).__name__}")

    scores = scores_of(graph, estimator, graph.operator.inputs)
    numbers = list(range(count))
    if count == 2:
        numbers = [0] if decides else [1]

    return [
        graph.add("Gather", scores, graph.constant(np.array([number])), axis=1)
        for number in numbers
    ]


def _calibrated(graph: Graph, column: str, calibrator: Any) -> str:
    if hasattr(calibrator, "a_"):
        slope = graph.constant([float(calibrator.a_)])
        offset = graph.constant([float(calibrator.b_)])
        linear = graph.add("Add", graph.add("Mul", slope, column), offset)
        return expit(graph, graph.add("Neg", linear))

    return _on_curve(graph, column, calibrator)


def _on_curve(graph: Graph, column: str, calibrator: Any) -> str:
    """Between the two points of an increasing curve that the value is between."""
    x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
    if len(x) < 2:
        raise NotConvertible(f"{graph.step} with a curve of one point")

    value = graph.add("Max", column, graph.constant([float(x[0])]))
    value = graph.add("Min", value, graph.constant([float(x[-1])]))
    below = graph.cast(
        graph.add("Less", graph.constant(x[1:-1].reshape(1, -1)), value), TensorProto.INT64
    )
    axis = graph.constant(np.array([1], dtype=np.int64))
    segment = graph.add("ReduceSum", below, axis, keepdims=1)
    slope = np.diff(y) / np.diff(x)
    start_x, start_y, rise = (
        graph.add("Gather", graph.constant(points), segment) for points in (x[:-1], y[:-1], slope)
    )
    moved = graph.add("Mul", rise, graph.add("Sub", value, start_x))
    return graph.add("Add", moved, start_y)


def _normalized(graph: Graph, scores: str, count: int) -> str:
    """Divided by their sum; where all are zero, equal parts."""
    axis = graph.constant(np.array([1], dtype=np.int64))
    total = graph.add("ReduceSum", scores, axis, keepdims=1)
    is_zero = graph.add("Equal", total, graph.constant([0.0]))
    even = graph.constant([1.0 / count])
    divided = graph.add("Div", scores, total)
    return graph.add("Where", is_zero, even, divided)
