"""BisectingKMeans: down a tree of pairs of centres, each time to the nearer one."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.clusters.centres import OUTPUTS, shape
from delivery.onnx.converters.kernels.kernel_values import ranked_distances, squared_distances
from delivery.onnx.graph import Graph

__all__ = ["OUTPUTS", "convert", "shape"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The label of the leaf; the distances are those to the centres of all leaves."""
    graph = Graph(scope, operator, container)
    rows, model = graph.matrix(), graph.model
    graph.output(_label(graph, rows, model._bisecting_tree))
    centres = np.asarray(model.cluster_centers_, dtype=np.float64)
    graph.output(graph.add("Sqrt", squared_distances(graph, rows, centres)), 1)


def _label(graph: Graph, rows: str, node: Any) -> str:
    """Of the rows that come to that node, [n] (or [1] at a leaf)."""
    if node.left is None:
        return graph.constant(np.array([node.label], dtype=np.int64))

    pair = np.vstack((node.left.center, node.right.center)).astype(np.float64)
    pair += getattr(graph.model, "_X_mean", 0.0)
    nearer = scores.smallest(graph, ranked_distances(graph, rows, pair))
    is_left = graph.add("Equal", nearer, graph.constant(np.array([0], dtype=np.int64)))
    left, right = (_label(graph, rows, child) for child in (node.left, node.right))
    return graph.add("Where", is_left, left, right)
