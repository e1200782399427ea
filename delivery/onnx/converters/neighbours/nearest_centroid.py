"""NearestCentroid: the class whose centre is nearest, or most probable with unequal shares."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import (
    ranked_distances,
    squared_distances,
)
from delivery.onnx.converters.neighbours.distances import far_limit, unless_far
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of the Euclidean metric; a row fails where rounding decides which centre is nearer."""
    graph = Graph(scope, operator, container)
    model, rows = graph.model, graph.matrix()
    if model.metric != "euclidean":
        raise NotConvertible(f"{graph.step} with the metric {model.metric!r}")

    discriminants = _discriminants(graph, rows)
    nearest = scores.largest(graph, discriminants)
    if np.isclose(model.class_prior_, 1 / len(model.classes_)).all():
        centres = np.asarray(model.centroids_, dtype=np.float64)
        rows = unless_far(graph, rows, far_limit(centres, by_products=True))
        nearest = scores.smallest(graph, ranked_distances(graph, rows, centres))

    graph.classes(nearest, model.classes_)
    graph.output(scores.softmax(graph, discriminants), 1)


def _discriminants(graph: Graph, rows: str) -> str:
    """Minus the squared distance in units of the deviation within classes, by the class's share."""
    model = graph.model
    deviations = np.asarray(model.within_class_std_dev_, dtype=np.float64)
    units = np.where(deviations == 0, 1.0, deviations).reshape(1, -1)
    scaled = graph.add("Div", rows, graph.constant(units))
    centres = np.asarray(model.centroids_, dtype=np.float64) / units
    scaled = unless_far(graph, scaled, far_limit(centres, by_products=False))
    share = graph.constant(2.0 * np.log(np.asarray(model.class_prior_)).reshape(1, -1))
    return graph.add("Sub", share, squared_distances(graph, scaled, centres))
