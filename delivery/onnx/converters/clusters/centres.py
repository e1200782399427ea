"""KMeans, MiniBatchKMeans, MeanShift and Birch: the nearest of some centres."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import (
    ranked_distances,
    squared_distances,
)
from delivery.onnx.converters.neighbours.distances import far_limit, unless_far
from delivery.onnx.graph import Graph

OUTPUTS = ("label", "distances")


def shape(operator: Any) -> None:
    """A number of a cluster, and a distance to each centre."""
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType

    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, len(_centres(operator.raw_operator))])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of equally distant centres the first; the distances are what `transform` gives."""
    graph = Graph(scope, operator, container)
    rows, centres = graph.matrix(), _centres(graph.model)
    if graph.step in ("MeanShift", "Birch"):
        # They search as neighbours are searched, in products rounded in another order.
        rows = unless_far(graph, rows, far_limit(centres, by_products=True))

    number = scores.smallest(graph, ranked_distances(graph, rows, centres))
    graph.output(_label(graph, number))
    graph.output(graph.add("Sqrt", squared_distances(graph, rows, centres)), 1)


def _label(graph: Graph, number: str) -> str:
    labels = getattr(graph.model, "subcluster_labels_", None)
    if labels is None:
        return number

    return graph.add("Gather", graph.constant(np.asarray(labels, dtype=np.int64)), number)


def _centres(model: Any) -> np.ndarray:
    centres = getattr(model, "subcluster_centers_", None)
    if centres is None:
        centres = model.cluster_centers_

    return np.asarray(centres, dtype=np.float64)
