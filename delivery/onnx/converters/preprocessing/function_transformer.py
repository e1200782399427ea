"""FunctionTransformer of numpy's functions that ONNX computes alike."""

from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One node or two; raises NotConvertible for a function that is not known."""
    graph = Graph(scope, operator, container)
    function = graph.model.func
    if graph.model.kw_args:
        raise NotConvertible("FunctionTransformer with kw_args")
    if function not in _FUNCTIONS:
        name = getattr(function, "__name__", function)
        raise NotConvertible(f"FunctionTransformer of the function {name}")

    graph.output(_FUNCTIONS[function](graph, graph.matrix()))


def _node(op_type: str) -> Callable[[Graph, str], str]:
    return lambda graph, value: graph.add(op_type, value)


def _log1p(graph: Graph, value: str) -> str:
    return graph.add("Log", graph.add("Add", value, graph.constant(1.0)))


def _expm1(graph: Graph, value: str) -> str:
    return graph.add("Sub", graph.add("Exp", value), graph.constant(1.0))


def _square(graph: Graph, value: str) -> str:
    return graph.add("Mul", value, value)


def _log_of_base(base: float) -> Callable[[Graph, str], str]:
    return lambda graph, value: graph.add(
        "Div", graph.add("Log", value), graph.constant(float(np.log(base)))
    )


_FUNCTIONS: dict[Any, Callable[[Graph, str], str]] = {
    np.abs: _node("Abs"),
    np.ceil: _node("Ceil"),
    np.exp: _node("Exp"),
    np.expm1: _expm1,
    np.floor: _node("Floor"),
    np.log: _node("Log"),
    np.log10: _log_of_base(10.0),
    np.log1p: _log1p,
    np.log2: _log_of_base(2.0),
    np.negative: _node("Neg"),
    np.sign: _node("Sign"),
    np.sqrt: _node("Sqrt"),
    np.square: _square,
    np.tanh: _node("Tanh"),
}
