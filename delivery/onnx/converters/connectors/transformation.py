"""The columns that a classifier gives to the next step: of LinearDiscriminantAnalysis its sums."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from delivery.onnx.graph import Graph, NotConvertible


def shape(operator: Any) -> None:
    """As many columns as it keeps components."""
    model = operator.raw_operator.model
    count = getattr(model, "_max_components", None)
    operator.outputs[0].type = DoubleTensorType([None, count])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Weighted sums of the columns, which the solver "svd" centres first."""
    graph = Graph(scope, operator, container)
    model, rows = graph.model.model, graph.matrix()
    if type(model) is not LinearDiscriminantAnalysis:
        raise NotConvertible(f"{type(model).__name__} as a transformer")

    if model.solver == "svd":
        centre = np.asarray(model.xbar_, dtype=np.float64).reshape(1, -1)
        rows = graph.add("Sub", rows, graph.constant(centre))

    weights = np.asarray(model.scalings_, dtype=np.float64)[:, : model._max_components]
    graph.output(graph.add("MatMul", rows, graph.constant(np.ascontiguousarray(weights))))
