"""What the estimators within an estimator answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph


def label_of(graph: Graph, model: Any, values: Sequence[Any]) -> str:
    """A classifier's label, of shape [n]."""
    return str(graph.call(model, values)[0].full_name)


def value_of(graph: Graph, model: Any, values: Sequence[Any]) -> str:
    """A regressor's value in double, of shape [n, 1]."""
    value = graph.cast(graph.call(model, values)[0].full_name, TensorProto.DOUBLE)
    return graph.add("Reshape", value, graph.constant(np.array([-1, 1], dtype=np.int64)))


def scores_of(graph: Graph, model: Any, values: Sequence[Any]) -> str:
    """A classifier's probabilities or decision values in double, of shape [n, columns]."""
    return graph.cast(graph.call(model, values)[-1].full_name, TensorProto.DOUBLE)


def votes_of(graph: Graph, label: str, classes: int) -> str:
    """1 for the class that the label names by its number, shape [n, classes]."""
    column = graph.add("Reshape", label, graph.constant(np.array([-1, 1], dtype=np.int64)))
    numbers = graph.constant(np.arange(classes, dtype=np.int64))
    same = graph.add("Equal", graph.cast(column, TensorProto.INT64), numbers)
    return graph.cast(same, TensorProto.DOUBLE)


def as_variable(graph: Graph, matrix: str, width: int | None) -> Any:
    """A matrix of double as an input for another estimator."""
    variable = graph.scope.declare_local_variable("members", DoubleTensorType([None, width]))
    graph.container.add_node(
        "Identity",
        [matrix],
        [variable.full_name],
        name=graph.scope.get_unique_operator_name("Members"),
    )
    variable.init_status(is_fed=True)
    return variable


def average(graph: Graph, parts: Sequence[str], weights: Any) -> str:
    """The mean of the parts, or by weights, added in their order as numpy.average does."""
    if weights is not None:
        parts = [
            graph.add("Mul", part, graph.constant([float(weight)]))
            for part, weight in zip(parts, weights, strict=True)
        ]

    total = float(len(parts)) if weights is None else float(np.sum(weights))
    return graph.add("Div", graph.add("Sum", *parts), graph.constant([total]))
