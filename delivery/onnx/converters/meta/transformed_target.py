"""TransformedTargetRegressor: a regressor of a transformed target, transformed back."""

from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.converters.meta import decisions
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Back by a function of numpy, or by a scaler."""
    graph = Graph(scope, operator, container)
    predicted = decisions.value(graph, graph.model.regressor_)
    upright = graph.add("Reshape", predicted, graph.constant(np.array([-1, 1])))
    graph.output(_back(graph, upright))


def _back(graph: Graph, value: str) -> str:
    transformer = graph.model.transformer_
    name = type(transformer).__name__
    if name in _OF_SCALERS:
        return _OF_SCALERS[name](graph, value, transformer)
    if name != "FunctionTransformer":
        raise NotConvertible(f"{graph.step} with {name}")

    function = transformer.inverse_func
    if transformer.inv_kw_args or function not in _OF_FUNCTIONS:
        raise NotConvertible(f"{graph.step} with the function {_name(function)}")

    return _OF_FUNCTIONS[function](graph, value)


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", function))


def _same(_graph: Graph, value: str) -> str:
    return value


def _exp(graph: Graph, value: str) -> str:
    return graph.add("Exp", value)


def _expm1(graph: Graph, value: str) -> str:
    return graph.add("Sub", graph.add("Exp", value), graph.constant(1.0))


def _log(graph: Graph, value: str) -> str:
    return graph.add("Log", value)


def _log1p(graph: Graph, value: str) -> str:
    return graph.add("Log", graph.add("Add", value, graph.constant(1.0)))


def _square(graph: Graph, value: str) -> str:
    return graph.add("Mul", value, value)


def _sqrt(graph: Graph, value: str) -> str:
    return graph.add("Sqrt", value)


def _standard(graph: Graph, value: str, scaler: Any) -> str:
    if scaler.with_std:
        value = graph.add("Mul", value, graph.constant(_row(scaler.scale_)))
    if scaler.with_mean:
        value = graph.add("Add", value, graph.constant(_row(scaler.mean_)))

    return value


def _min_max(graph: Graph, value: str, scaler: Any) -> str:
    value = graph.add("Sub", value, graph.constant(_row(scaler.min_)))
    return graph.add("Div", value, graph.constant(_row(scaler.scale_)))


def _row(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(1, -1)


_OF_FUNCTIONS: dict[Any, Callable[[Graph, str], str]] = {
    None: _same,
    np.exp: _exp,
    np.expm1: _expm1,
    np.log: _log,
    np.log1p: _log1p,
    np.square: _square,
    np.sqrt: _sqrt,
}
_OF_SCALERS: dict[str, Callable[[Graph, str, Any], str]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
}
