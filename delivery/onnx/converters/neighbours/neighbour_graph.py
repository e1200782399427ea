"""KNeighborsTransformer and RadiusNeighborsTransformer: a column for each training row.

It holds the distance, or 1, of a neighbour, and 0 of all others.
"""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.neighbours.distances import (
    distances_of,
    nearest_rows,
    power_of,
    reduced_distances,
)
from delivery.onnx.graph import Graph

DISTANCE = "distance"


def shape(operator: Any) -> None:
    """As many columns as rows were fitted."""
    operator.outputs[0].type = DoubleTensorType([None, _fitted(operator.raw_operator)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """By their number or by a radius."""
    graph = Graph(scope, operator, container)
    if graph.step == "RadiusNeighborsTransformer":
        graph.output(_within(graph))
    else:
        graph.output(_nearest(graph))


def _within(graph: Graph) -> str:
    model, rows = graph.model, graph.matrix()
    reduced = reduced_distances(graph, rows, model)
    limit = float(model.radius) ** power_of(graph, model)
    near = graph.add("LessOrEqual", reduced, graph.constant(limit))
    if model.mode != DISTANCE:
        return graph.cast(near, TensorProto.DOUBLE)

    return graph.add("Where", near, distances_of(graph, reduced, model), graph.constant(0.0))


def _nearest(graph: Graph) -> str:
    model, rows = graph.model, graph.matrix()
    # One more, since a row that was fitted is its own nearest.
    count = model.n_neighbors + int(model.mode == DISTANCE)
    reduced, numbers = nearest_rows(graph, rows, model, count)
    values = distances_of(graph, reduced, model)
    if model.mode != DISTANCE:
        values = graph.add(
            "Add", graph.add("Mul", values, graph.constant(0.0)), graph.constant(1.0)
        )

    return graph.add("ScatterElements", graph.zeros(rows, _fitted(model)), numbers, values, axis=1)


def _fitted(model: Any) -> int:
    return int(np.shape(model._fit_X)[0])
