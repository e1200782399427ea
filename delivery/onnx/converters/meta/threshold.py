"""FixedThresholdClassifier and TunedThresholdClassifierCV: a class from its threshold on."""

from typing import Any

from delivery.onnx.converters import scores
from delivery.onnx.converters.meta import decisions
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The estimator's own probabilities, and the class by the threshold."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if getattr(model, "pos_label", None) is not None:
        raise NotConvertible(f"{graph.step} with pos_label")
    if getattr(model, "response_method", "auto") not in ("auto", "predict_proba"):
        raise NotConvertible(f"{graph.step} by {model.response_method}")

    probabilities = decisions.probabilities(graph, model.estimator_)
    second = scores.column(graph, probabilities, 1)
    limit = graph.constant(_threshold(model))
    number = scores.index_where(graph, graph.add("GreaterOrEqual", second, limit))
    graph.classes(number, model.classes_)
    graph.output(probabilities, 1)


def _threshold(model: Any) -> float:
    threshold = getattr(model, "best_threshold_", None)
    if threshold is None:
        threshold = model.threshold
    if threshold == "auto":
        return 0.5

    return float(threshold)
