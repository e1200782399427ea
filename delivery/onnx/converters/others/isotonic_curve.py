"""IsotonicRegression: a rising curve of straight pieces."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of its one column."""
    graph = Graph(scope, operator, container)
    graph.output(value(graph, graph.matrix(), graph.model))


def value(graph: Graph, given: str, curve: Any) -> str:
    """The curve at values of shape [n, 1]; beyond its ends the end, or NaN."""
    if curve.out_of_bounds not in ("clip", "nan"):
        raise NotConvertible("IsotonicRegression that raises beyond its ends")

    starts = np.asarray(curve.X_thresholds_, dtype=np.float64)
    heights = np.asarray(curve.y_thresholds_, dtype=np.float64)
    low, high = graph.constant(starts[0]), graph.constant(starts[-1])
    within = graph.add("Min", graph.add("Max", given, low), high)
    on_curve = _interpolated(graph, within, starts, heights)
    if curve.out_of_bounds == "clip":
        return on_curve

    beyond = graph.add("Or", graph.add("Less", given, low), graph.add("Greater", given, high))
    return graph.add("Where", beyond, graph.constant(np.nan), on_curve)


def _interpolated(graph: Graph, given: str, starts: np.ndarray, heights: np.ndarray) -> str:
    """As numpy interpolates: the slope of the piece, times the distance from its start."""
    if len(starts) == 1:
        return graph.add("Add", graph.add("Sub", given, given), graph.constant(heights[0]))

    below = graph.add("GreaterOrEqual", given, graph.constant(starts[1:].reshape(1, -1)))
    counted = graph.cast(below, TensorProto.INT64)
    axes = graph.constant(np.array([1]))
    piece = graph.add("ReduceSum", counted, axes, keepdims=1)
    slopes = np.append(np.diff(heights) / np.diff(starts), 0.0)
    start = graph.add("Gather", graph.constant(starts), piece)
    height = graph.add("Gather", graph.constant(heights), piece)
    slope = graph.add("Gather", graph.constant(slopes), piece)
    risen = graph.add("Mul", slope, graph.add("Sub", given, start))
    return graph.add("Add", risen, height)
