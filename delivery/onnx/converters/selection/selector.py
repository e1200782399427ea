"""Steps that choose columns by what they learned of them."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Gather."""
    graph = Graph(scope, operator, container)
    chosen = np.flatnonzero(graph.model.get_support())
    if not len(chosen):
        raise NotConvertible(f"{graph.step} chooses no column")

    columns = graph.constant(chosen.astype(np.int64))
    graph.output(graph.add("Gather", graph.matrix(), columns, axis=1))


def shape(operator: Any) -> None:
    """A column for each chosen one."""
    width = int(np.count_nonzero(operator.raw_operator.get_support()))
    operator.outputs[0].type = DoubleTensorType([None, width])


# Some are estimators too; what the next step gets is the columns.
OUTPUTS = ("chosen",)
