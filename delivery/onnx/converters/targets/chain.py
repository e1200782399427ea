"""Estimators in a chain: each has the answers of those before it as further columns."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from delivery.onnx.converters.meta.members import as_variable
from delivery.onnx.graph import Graph
from delivery.onnx.shapes import columns_in

Answer = Callable[[Graph, Any, Any], str]


def links(graph: Graph, answer: Answer) -> Iterator[tuple[Any, list[Any], str]]:
    """Each estimator in the chain's order, its columns, and its answer of shape [n, 1].

    answer: gives that of one estimator on such columns.
    """
    value, width = graph.matrix(), columns_in(graph.operator)
    for member in graph.model.estimators_:
        columns = [as_variable(graph, value, width)]
        answered = answer(graph, member, columns)
        yield member, columns, answered

        value = graph.joined([value, answered])
        width = None if width is None else width + 1


def in_order_of_targets(graph: Graph, values: list[str]) -> str:
    """Values [n, 1] in the chain's order as one matrix in the order of the targets."""
    positions = np.argsort(np.asarray(graph.model.order_))
    return graph.joined(values[position] for position in positions.tolist())
