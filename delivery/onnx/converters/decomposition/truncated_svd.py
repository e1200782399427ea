"""TruncatedSVD: projected on its components."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One node."""
    graph = Graph(scope, operator, container)
    components = np.asarray(graph.model.components_, dtype=np.float64)
    graph.output(graph.add("MatMul", graph.matrix(), graph.constant(components.T.copy())))
