"""KNNImputer: of each null the mean of the nearest training rows that have a value there."""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import products, squared_distances
from delivery.onnx.converters.preprocessing.missing_values import (
    chosen_flags,
    columns_of,
    missing_numbers,
)
from delivery.onnx.graph import Graph, NotConvertible

# Of the squares that a distance is the difference of: so near to each other are two distances
# that rounding may exchange.
ROUNDING = 1e-13


def shape(operator: Any) -> None:
    """The columns that training had values of, and those of the indicator."""
    model = operator.raw_operator
    width = int(np.sum(model._valid_mask))
    if model.indicator_ is not None:
        width += len(model.indicator_.features_)

    operator.outputs[0].type = DoubleTensorType([None, width])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """A row fails where rounding decides which training rows are the nearest."""
    graph = Graph(scope, operator, container)
    _require_plain(graph)
    rows = graph.matrix()
    flags = missing_numbers(graph, rows)
    distances = _distances(graph, rows, flags)
    values, missing = columns_of(graph, rows), columns_of(graph, flags)
    columns = []
    for number in np.flatnonzero(graph.model._valid_mask).tolist():
        filled = _filled(graph, number, distances, missing[number])
        columns.append(graph.add("Where", missing[number], filled, values[number]))

    if graph.model.indicator_ is not None:
        columns.append(chosen_flags(graph, flags, np.asarray(graph.model.indicator_.features_)))

    graph.output(graph.joined(columns))


def _require_plain(graph: Graph) -> None:
    model = graph.model
    if model.metric != "nan_euclidean" or model.weights != "uniform":
        raise NotConvertible("KNNImputer with another metric, or with weights by distance")
    if model.keep_empty_features and not model._valid_mask.all():
        raise NotConvertible("KNNImputer that keeps a column that training had no value of")


class _Distances:
    """squared: of each row to each training row, over the columns that both have, infinite where
    there are none. rounding: [n, 1], how far rounding may move one.
    """

    def __init__(self, squared: str, rounding: str) -> None:
        self.squared, self.rounding = squared, rounding


def _distances(graph: Graph, rows: str, flags: str) -> _Distances:
    """In the order of operations of `nan_euclidean_distances`, but for the root."""
    model = graph.model
    no_value = np.asarray(model._mask_fit_X, dtype=np.float64)
    training = np.where(no_value, 0.0, np.asarray(model._fit_X, dtype=np.float64))
    known = graph.add("Where", flags, graph.constant(0.0), rows)
    missing = graph.cast(flags, TensorProto.DOUBLE)
    squares = graph.add("Mul", known, known)

    total = squared_distances(graph, known, training)
    total = graph.add("Sub", total, products(graph, squares, no_value))
    total = graph.add("Sub", total, products(graph, missing, training * training))
    total = graph.add("Max", total, graph.constant(0.0))

    present = graph.add("Sub", graph.constant(1.0), missing)
    common = products(graph, present, 1.0 - no_value)
    mean = graph.add("Div", total, graph.add("Max", common, graph.constant(1.0)))
    scaled = graph.add("Mul", mean, graph.constant(float(model.n_features_in_)))
    nothing = graph.add("Equal", common, graph.constant(0.0))
    squared = graph.add("Where", nothing, graph.constant(np.inf), scaled)

    largest = float((training * training).sum(axis=1).max())
    size = graph.add("Add", scores.row_sums(graph, squares), graph.constant(largest))
    unit = graph.constant(ROUNDING * model.n_features_in_)
    return _Distances(squared, graph.add("Mul", size, unit))


def _filled(graph: Graph, number: int, distances: _Distances, missing: str) -> str:
    """What a null of the column becomes, [n, 1]."""
    model = graph.model
    donors = np.flatnonzero(~model._mask_fit_X[:, number])
    held = np.asarray(model._fit_X[donors, number], dtype=np.float64)
    squared = distances.squared
    if len(donors) < len(model._fit_X):
        squared = graph.add("Gather", squared, graph.constant(donors), axis=1)

    count = min(model.n_neighbors, len(donors))
    nearest, numbers = _nearest(graph, squared, min(count + 1, len(donors)))
    if count < len(donors):
        nearest, numbers = _certain(graph, count, distances, missing, nearest, numbers)

    weights = graph.cast(graph.add("Less", nearest, graph.constant(np.inf)), TensorProto.DOUBLE)
    values = graph.add("Gather", graph.constant(held), numbers)
    total = scores.row_sums(graph, graph.add("Mul", weights, values))
    share = scores.row_sums(graph, weights)
    none = graph.add("Equal", share, graph.constant(0.0))
    mean = graph.add("Div", total, graph.add("Max", share, graph.constant(1.0)))
    return graph.add("Where", none, graph.constant(float(held.mean())), mean)


def _nearest(graph: Graph, squared: str, count: int) -> tuple[str, str]:
    nearest, numbers = graph.add_many(
        "TopK", squared, graph.constant(np.array([count])), outputs=2, axis=1, largest=0, sorted=1
    )
    return nearest, numbers


def _certain(
    graph: Graph, count: int, distances: _Distances, missing: str, nearest: str, numbers: str
) -> tuple[str, str]:
    """The nearest but the last of them; the call fails where that one is as near, and is asked."""
    sizes = np.array([count, 1])
    first, last = _parts(graph, nearest, sizes)
    chosen, _ = _parts(graph, numbers, sizes)
    furthest = graph.add("Gather", first, graph.constant(np.array([count - 1])), axis=1)
    gap = graph.add("Sub", last, furthest)
    is_tie = graph.add("LessOrEqual", gap, distances.rounding)
    return scores.unless(graph, first, graph.add("And", is_tie, missing)), chosen


def _parts(graph: Graph, values: str, sizes: np.ndarray) -> list[str]:
    return graph.add_many("Split", values, graph.constant(sizes), outputs=2, axis=1)
