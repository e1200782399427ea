"""GaussianProcessRegressor: the mean of what it expects."""

from typing import Any

import numpy as np

from delivery.onnx.converters.kernels import gaussian_process_kernel
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The kernel with the training rows, weighted, in the target's own units."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if not hasattr(model, "X_train_"):
        raise NotConvertible(f"{graph.step} is not fitted")

    kernel = gaussian_process_kernel.values(graph, model.kernel_, graph.matrix(), model.X_train_)
    weights = np.asarray(model.alpha_, dtype=np.float64).reshape(len(model.X_train_), -1)
    mean = graph.add("MatMul", kernel, graph.constant(weights))
    scaled = graph.add("Mul", mean, graph.constant(_row(model._y_train_std)))
    graph.output(graph.add("Add", scaled, graph.constant(_row(model._y_train_mean))))


def _row(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(1, -1)
