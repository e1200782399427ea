"""CalibratedClassifierCV: decisions or probabilities, made probabilities by fitted curves."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.meta import decisions
from delivery.onnx.converters.others import isotonic_curve
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The mean over the pairs of an estimator and its curves."""
    graph = Graph(scope, operator, container)
    parts = [_calibrated(graph, one) for one in graph.model.calibrated_classifiers_]
    total = parts[0]
    for part in parts[1:]:
        total = graph.add("Add", total, part)

    mean = graph.add("Div", total, graph.constant(float(len(parts))))
    scores.answer(graph, mean)


def _calibrated(graph: Graph, pair: Any) -> str:
    """The probabilities of one pair, [n, classes]."""
    if pair.method not in ("sigmoid", "isotonic"):
        raise NotConvertible(f"{graph.step} by {pair.method}")
    if not np.array_equal(pair.estimator.classes_, pair.classes):
        raise NotConvertible(f"{graph.step}: one of its estimators lacks a class")

    given, parts = _given(graph, pair), []
    for number, curve in enumerate(pair.calibrators):
        parts.append(_on_curve(graph, scores.column(graph, given, number), curve))

    if len(pair.classes) == 2:
        return scores.both(graph, parts[0])

    return _normalised(graph, graph.joined(parts))


def _given(graph: Graph, pair: Any) -> str:
    """What goes to the curves: of two classes one column."""
    if hasattr(pair.estimator, "decision_function"):
        return decisions.decision(graph, pair.estimator)

    probabilities = decisions.probabilities(graph, pair.estimator)
    if len(pair.classes) == 2:
        return scores.column(graph, probabilities, 1)

    return probabilities


def _on_curve(graph: Graph, given: str, curve: Any) -> str:
    if hasattr(curve, "X_thresholds_"):
        return isotonic_curve.value(graph, given, curve)

    scaled = graph.add("Mul", graph.constant(float(curve.a_)), given)
    raw = graph.add("Neg", graph.add("Add", scaled, graph.constant(float(curve.b_))))
    return scores.expit(graph, raw)


def _normalised(graph: Graph, values: str) -> str:
    """With a sum of 1; all equal where all are 0."""
    axes = graph.constant(np.array([1]))
    total = graph.add("ReduceSum", values, axes, keepdims=1)
    is_zero = graph.add("Equal", total, graph.constant(0.0))
    even = graph.constant(1.0 / len(graph.model.classes_))
    return graph.add("Where", is_zero, even, graph.add("Div", values, total))
