"""LocalOutlierFactor: how much thinner it is around a row than around its neighbours."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.neighbours.distances import (
    distances_of,
    nearest_rows,
)
from delivery.onnx.graph import Graph, NotConvertible

# What scikit-learn adds, so that equal rows have a density.
LEAST = 1e-10


def convert(scope: Any, operator: Any, container: Any) -> None:
    """-1 where the score is below 0, else 1."""
    graph = Graph(scope, operator, container)
    if not graph.model.novelty:
        raise NotConvertible(f"{graph.step} without novelty=True")

    decision = _decision(graph)
    inlier = graph.add("GreaterOrEqual", decision, graph.constant(0.0))
    scores.outliers(graph, decision, inlier)


def _decision(graph: Graph) -> str:
    """Minus the mean ratio of densities, less the offset, [n, 1]."""
    model, axes = graph.model, graph.constant(np.array([1]))
    # Far away it is thin whichever of the rows are the nearest.
    values, numbers = nearest_rows(
        graph, graph.matrix(), model, model.n_neighbors_, fails_far=False
    )
    distances = distances_of(graph, values, model)
    reach = np.asarray(model._distances_fit_X_[:, model.n_neighbors_ - 1], dtype=np.float64)
    reached = graph.add("Max", distances, graph.add("Gather", graph.constant(reach), numbers))
    mean = graph.add("ReduceMean", reached, axes, keepdims=1)
    density = graph.add("Div", graph.constant(1.0), graph.add("Add", mean, graph.constant(LEAST)))
    fitted = graph.add("Gather", graph.constant(np.asarray(model._lrd, np.float64)), numbers)
    ratios = graph.add("ReduceMean", graph.add("Div", fitted, density), axes, keepdims=1)
    offset = graph.constant(float(model.offset_))
    return graph.add("Sub", graph.add("Neg", ratios), offset)
