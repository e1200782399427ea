"""PLSRegression, PLSCanonical and CCA: a value as the last step, weighted sums as a step before."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph
from delivery.onnx.shapes import columns_out

OUTPUTS = ("value", "scores")


def shape(operator: Any) -> None:
    """As many values as targets, as many sums as components."""
    from skl2onnx.common.data_types import DoubleTensorType

    model = operator.raw_operator
    operator.outputs[0].type = DoubleTensorType([None, len(np.atleast_2d(model.coef_))])
    operator.outputs[1].type = DoubleTensorType([None, columns_out(model)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Both of the centred columns; the sums of the divided ones."""
    graph = Graph(scope, operator, container)
    model = graph.model
    centred = graph.add("Sub", graph.matrix(), graph.constant(_row(model._x_mean)))
    weights = np.ascontiguousarray(np.atleast_2d(model.coef_).T, dtype=np.float64)
    product = graph.add("MatMul", centred, graph.constant(weights))
    graph.output(graph.add("Add", product, graph.constant(_row(model.intercept_))))

    scaled = graph.add("Div", centred, graph.constant(_row(model._x_std)))
    rotations = np.ascontiguousarray(model.x_rotations_, dtype=np.float64)
    graph.output(graph.add("MatMul", scaled, graph.constant(rotations)), 1)


def _row(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(1, -1)
