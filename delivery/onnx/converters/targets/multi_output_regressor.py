"""MultiOutputRegressor: the values of its regressors beside each other."""

from typing import Any

from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.meta.members import value_of
from delivery.onnx.graph import Graph


def shape(operator: Any) -> None:
    """A value for each target."""
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.estimators_)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """All on the same columns."""
    graph = Graph(scope, operator, container)
    members = graph.model.estimators_
    graph.output(graph.joined(value_of(graph, member, operator.inputs) for member in members))
