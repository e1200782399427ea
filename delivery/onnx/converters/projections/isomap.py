"""Isomap: a kernel of the shortest ways to all training rows, by way of the nearest ones."""

from typing import Any

import numpy as np

from delivery.onnx.converters.neighbours.distances import distances_of, nearest_rows
from delivery.onnx.converters.projections.kernel_features import centred, scaled_vectors
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Raises NotConvertible for neighbours within a radius."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if model.n_neighbors is None:
        raise NotConvertible("Isomap of neighbours within a radius")

    kernel = graph.add("Mul", _squared_ways(graph), graph.constant(-0.5))
    weights = np.ascontiguousarray(scaled_vectors(model.kernel_pca_), dtype=np.float64)
    inner = centred(graph, kernel, model.kernel_pca_._centerer)
    graph.output(graph.add("MatMul", inner, graph.constant(weights)))


def _squared_ways(graph: Graph) -> str:
    """Of the shortest way to each training row, [n, training rows]."""
    model = graph.model
    neighbours = model.nbrs_
    reduced, numbers = nearest_rows(graph, graph.matrix(), neighbours, neighbours.n_neighbors)
    table = graph.constant(np.asarray(model.dist_matrix_, dtype=np.float64))
    onward = graph.add("Gather", table, numbers, axis=0)
    first = graph.add(
        "Unsqueeze", distances_of(graph, reduced, neighbours), graph.constant(np.array([2]))
    )
    ways = graph.add("Add", onward, first)
    shortest = graph.add("ReduceMin", ways, graph.constant(np.array([1])), keepdims=0)
    return graph.add("Mul", shortest, shortest)
