"""QuantileTransformer: the share of training below a value, or the normal number of that share."""

from typing import Any

import numpy as np
from onnx import TensorProto
from scipy import stats

from delivery.onnx.converters.curves.intervals import entries, interval_numbers
from delivery.onnx.converters.curves.normal_quantile import normal_quantile
from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape"]

# scikit-learn's own.
BOUNDS_THRESHOLD = 1e-7


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One column after the other; the normal numbers of all at once."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    for number, column in enumerate(graph.columns()):
        value = graph.as_kind(column, TensorProto.DOUBLE)
        parts.append(_share(graph, value, model.quantiles_[:, number], model.references_))

    shares = graph.joined(parts)
    if model.output_distribution == "uniform":
        graph.output(shares)
        return

    smallest = stats.norm.ppf(BOUNDS_THRESHOLD - np.spacing(1))
    largest = stats.norm.ppf(1 - (BOUNDS_THRESHOLD - np.spacing(1)))
    limits = graph.constant(smallest), graph.constant(largest)
    graph.output(graph.add("Clip", normal_quantile(graph, shares), *limits))


def _share(graph: Graph, value: str, quantiles: np.ndarray, references: np.ndarray) -> str:
    """The mean of both directions, as scikit-learn takes it where quantiles repeat."""
    upwards = _interpolated(graph, value, quantiles, references)
    negative = graph.add("Neg", value)
    downwards = _interpolated(graph, negative, -quantiles[::-1], -references[::-1])
    half = graph.constant(0.5)
    share = graph.add("Mul", graph.add("Sub", upwards, downwards), half)
    is_first, is_last = _is_at_ends(graph, value, quantiles)
    share = graph.add("Where", is_last, graph.constant(1.0), share)
    return graph.add("Where", is_first, graph.constant(0.0), share)


def _is_at_ends(graph: Graph, value: str, quantiles: np.ndarray) -> tuple[str, str]:
    first, last = graph.constant(float(quantiles[0])), graph.constant(float(quantiles[-1]))
    if graph.model.output_distribution == "uniform":
        return graph.add("Equal", value, first), graph.add("Equal", value, last)

    little = graph.constant(BOUNDS_THRESHOLD)
    is_first = graph.add("Less", graph.add("Sub", value, little), first)
    return is_first, graph.add("Greater", graph.add("Add", value, little), last)


def _interpolated(graph: Graph, value: str, points: np.ndarray, heights: np.ndarray) -> str:
    """As np.interp: constant beyond the first and the last point."""
    steps = np.diff(points)
    slopes = np.divide(np.diff(heights), steps, out=np.zeros_like(steps), where=steps > 0)
    numbers = interval_numbers(graph, value, points)
    from_start = graph.add("Sub", value, entries(graph, points[:-1].reshape(-1, 1), numbers))
    risen = graph.add("Mul", from_start, entries(graph, slopes.reshape(-1, 1), numbers))
    height = graph.add("Add", risen, entries(graph, heights[:-1].reshape(-1, 1), numbers))

    first, last = graph.constant(float(points[0])), graph.constant(float(points[-1]))
    low, high = graph.constant(float(heights[0])), graph.constant(float(heights[-1]))
    height = graph.add("Where", graph.add("Less", value, first), low, height)
    return graph.add("Where", graph.add("GreaterOrEqual", value, last), high, height)
