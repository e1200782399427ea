"""Chooses columns of a matrix."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph


def shape(operator: Any) -> None:
    """Of the matrix's own type."""
    kind = type(operator.inputs[0].type)
    operator.outputs[0].type = kind([None, len(operator.raw_operator.columns)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Gather."""
    graph = Graph(scope, operator, container)
    (tensor,) = graph.inputs()
    columns = graph.constant(np.array(operator.raw_operator.columns, dtype=np.int64))
    graph.output(graph.add("Gather", tensor.name, columns, axis=1))
