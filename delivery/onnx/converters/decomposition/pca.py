"""PCA: projected, then centred, as scikit-learn does it."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """In scikit-learn's order, since large numbers lose digits in another one."""
    graph = Graph(scope, operator, container)
    model = graph.model
    components = np.asarray(model.components_, dtype=np.float64)
    value = graph.add("MatMul", graph.matrix(), graph.constant(components.T.copy()))
    centre = np.asarray(model.mean_, dtype=np.float64).reshape(1, -1) @ components.T
    value = graph.add("Sub", value, graph.constant(centre))
    if model.whiten:
        scale = np.sqrt(model.explained_variance_)
        smallest = np.finfo(scale.dtype).eps
        scale = np.where(scale < smallest, smallest, scale)
        value = graph.add("Div", value, graph.constant(scale.reshape(1, -1)))

    graph.output(value)
