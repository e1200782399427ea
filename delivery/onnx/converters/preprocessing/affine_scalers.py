"""Scalers that subtract and divide: StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """In the same order of operations as scikit-learn, so that the last bit is the same."""
    graph = Graph(scope, operator, container)
    name = type(graph.model).__name__
    graph.output(_SCALERS[name](graph, graph.model))


def _standard(graph: Graph, model: Any) -> str:
    return _scaled(
        graph, model.mean_ if model.with_mean else None, model.scale_ if model.with_std else None
    )


def _robust(graph: Graph, model: Any) -> str:
    return _scaled(
        graph,
        model.center_ if model.with_centering else None,
        model.scale_ if model.with_scaling else None,
    )


def _scaled(graph: Graph, centre: Any, scale: Any) -> str:
    value = graph.matrix()
    if centre is not None:
        value = graph.add("Sub", value, graph.constant(_row(centre)))
    if scale is not None:
        value = graph.add("Div", value, graph.constant(_row(scale)))

    return value


def _max_abs(graph: Graph, model: Any) -> str:
    value = graph.add("Div", graph.matrix(), graph.constant(_row(model.scale_)))
    if getattr(model, "clip", False):
        value = graph.add("Clip", value, graph.constant(-1.0), graph.constant(1.0))

    return value


def _min_max(graph: Graph, model: Any) -> str:
    value = graph.add("Mul", graph.matrix(), graph.constant(_row(model.scale_)))
    value = graph.add("Add", value, graph.constant(_row(model.min_)))
    if model.clip:
        low, high = map(float, model.feature_range)
        value = graph.add("Clip", value, graph.constant(low), graph.constant(high))

    return value


def _row(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(1, -1)


_SCALERS = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
}
