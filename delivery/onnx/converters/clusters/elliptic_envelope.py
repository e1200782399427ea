"""EllipticEnvelope: an outlier is a row far from the mean, in units of the covariance."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """-1 where the squared distance is beyond the offset, else 1."""
    graph = Graph(scope, operator, container)
    model = graph.model
    centre = graph.constant(np.asarray(model.location_, dtype=np.float64).reshape(1, -1))
    centred = graph.add("Sub", graph.matrix(), centre)
    turned = graph.add("MatMul", centred, graph.constant(model.get_precision()))
    product = graph.add("Mul", turned, centred)
    distance = scores.row_sums(graph, product)
    offset = graph.constant(float(model.offset_))
    decision = graph.add("Sub", graph.add("Neg", distance), offset)
    inlier = graph.add("GreaterOrEqual", decision, graph.constant(0.0))
    scores.outliers(graph, decision, inlier)
