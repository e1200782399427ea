"""Decisions and probabilities of the estimators within an estimator, on the same rows."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph, NotConvertible


def value(graph: Graph, member: Any) -> str:
    """What a member answers for the step's rows: of a classifier its class."""
    return str(graph.call(member, graph.operator.inputs)[0].full_name)


def probabilities(graph: Graph, member: Any) -> str:
    """The probabilities that a member gives the step's rows, [n, classes]."""
    if not hasattr(member, "predict_proba"):
        raise NotConvertible(f"{graph.step}: {type(member).__name__} has no probabilities")

    return str(graph.call(member, graph.operator.inputs)[-1].full_name)


def probability_of_second(graph: Graph, member: Any) -> str:
    """Of a member for two classes, [n, 1]."""
    return scores.column(graph, probabilities(graph, member), 1)


def decision(graph: Graph, member: Any) -> str:
    """What `decision_function` gives, [n, 1] of two classes, else [n, classes].

    Of linear models, and of those that have decisions and no probabilities.
    """
    if type(member).__name__ == "_ConstantPredictor":
        return _repeated(graph, float(member.y_[0]))
    if hasattr(member, "coef_") and hasattr(member, "intercept_"):
        return _linear(graph, member)
    if not hasattr(member, "decision_function") or hasattr(member, "predict_proba"):
        raise NotConvertible(f"{graph.step} with the decisions of {type(member).__name__}")

    return str(graph.call(member, graph.operator.inputs)[-1].full_name)


def binary_score(graph: Graph, member: Any) -> tuple[str, float]:
    """The score by which a member parts two classes, [n, 1], and where it parts them."""
    if hasattr(member, "decision_function"):
        return decision(graph, member), 0.0

    return probability_of_second(graph, member), 0.5


def _repeated(graph: Graph, value: float) -> str:
    """The same value for every row: of a member that saw one class alone."""
    nothing = graph.add("Mul", scores.column(graph, graph.matrix(), 0), graph.constant(0.0))
    return graph.add("Add", nothing, graph.constant(value))


def _linear(graph: Graph, member: Any) -> str:
    weights = np.atleast_2d(dense(member.coef_))
    offsets = np.asarray(member.intercept_, dtype=np.float64).reshape(1, -1)
    product = graph.add("MatMul", graph.matrix(), graph.constant(weights.T.copy()))
    return graph.add("Add", product, graph.constant(offsets))


def dense(values: Any) -> np.ndarray:
    """Weights as an array, also where a model keeps them sparse."""
    if hasattr(values, "toarray"):
        values = values.toarray()

    return np.asarray(values, dtype=np.float64)
