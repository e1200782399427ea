"""LabelPropagation and LabelSpreading: the labels of training rows, weighed by a kernel."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import dense, gaussian
from delivery.onnx.converters.neighbours.distances import nearest_rows
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """With the kernel rbf or knn."""
    graph = Graph(scope, operator, container)
    weighted = _weighted_labels(graph)
    axes = graph.constant(np.array([1]))
    total = graph.add("ReduceSum", weighted, axes, keepdims=1)
    probabilities = graph.add("Div", weighted, total)
    scores.answer(graph, probabilities)


def _weighted_labels(graph: Graph) -> str:
    model, rows = graph.model, graph.matrix()
    labels = graph.constant(np.asarray(model.label_distributions_, dtype=np.float64))
    if model.kernel == "rbf":
        kernel = gaussian(graph, rows, dense(model.X_), float(model.gamma))
        return graph.add("MatMul", kernel, labels)
    if model.kernel != "knn":
        raise NotConvertible(f"{graph.step} with a kernel of one's own")

    _, numbers = nearest_rows(graph, rows, model.nn_fit, model.n_neighbors)
    lines = graph.add("Gather", labels, numbers, axis=0)
    return graph.add("ReduceSum", lines, graph.constant(np.array([1])), keepdims=0)
