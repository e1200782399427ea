"""PowerTransformer: Yeo-Johnson or Box-Cox, then standardized."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """All columns at once."""
    graph = Graph(scope, operator, container)
    model, value = graph.model, graph.matrix()
    lambdas = np.asarray(model.lambdas_, dtype=np.float64)
    curve = _box_cox if model.method == "box-cox" else _yeo_johnson
    value = curve(graph, value, lambdas)
    if model.standardize:
        value = graph.add("Sub", value, graph.constant(model._scaler.mean_.reshape(1, -1)))
        value = graph.add("Div", value, graph.constant(model._scaler.scale_.reshape(1, -1)))

    graph.output(value)


def _yeo_johnson(graph: Graph, value: str, lambdas: np.ndarray) -> str:
    one = graph.constant(1.0)
    logarithm = graph.add("Log", graph.add("Add", graph.add("Abs", value), one))
    above = _power(graph, logarithm, lambdas)
    below = graph.add("Neg", _power(graph, logarithm, 2 - lambdas))
    return graph.add("Where", graph.add("Less", value, graph.constant(0.0)), below, above)


def _box_cox(graph: Graph, value: str, lambdas: np.ndarray) -> str:
    """A number that is not above 0 becomes none, since scikit-learn refuses it."""
    is_above = graph.add("Greater", value, graph.constant(0.0))
    positive = graph.add("Where", is_above, value, graph.constant(np.nan))
    return _power(graph, graph.add("Log", positive), lambdas)


def _power(graph: Graph, logarithm: str, exponents: np.ndarray) -> str:
    """(exp(exponent * logarithm) - 1) / exponent, and the logarithm itself where that is 0."""
    is_zero = np.abs(exponents) < np.spacing(1.0)
    divisors = np.where(is_zero, 1.0, exponents).reshape(1, -1)
    raised = graph.add("Exp", graph.add("Mul", logarithm, graph.constant(divisors)))
    less = graph.add("Sub", raised, graph.constant(1.0))
    powers = graph.add("Div", less, graph.constant(divisors))
    if not is_zero.any():
        return powers

    return graph.add("Where", graph.constant(is_zero.reshape(1, -1)), logarithm, powers)
