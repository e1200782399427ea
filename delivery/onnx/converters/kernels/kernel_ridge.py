"""KernelRidge: a weighted sum of the kernel with all training rows."""

from typing import Any

import numpy as np

from delivery.onnx.converters.kernels.kernel_values import dense, named_kernel
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """With gamma of 1 over the number of columns by default."""
    graph = Graph(scope, operator, container)
    model, training = graph.model, dense(graph.model.X_fit_)
    gamma = model.gamma or 1.0 / training.shape[1]
    kernel = named_kernel(graph, graph.matrix(), training, model, gamma)
    weights = np.asarray(model.dual_coef_, dtype=np.float64).reshape(len(training), -1)
    graph.output(graph.add("MatMul", kernel, graph.constant(weights)))
