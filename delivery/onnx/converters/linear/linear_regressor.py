"""Regressors that answer a weighted sum of the columns."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.linear.scores import weighted_sums
from delivery.onnx.graph import Graph


def shape(operator: Any) -> None:
    """A value for each target."""
    operator.outputs[0].type = DoubleTensorType(
        [None, len(np.atleast_2d(operator.raw_operator.coef_))]
    )


def convert(scope: Any, operator: Any, container: Any) -> None:
    """One node."""
    graph = Graph(scope, operator, container)
    model = graph.model
    graph.output(weighted_sums(graph, graph.matrix(), model.coef_, model.intercept_))
