"""TfidfTransformer: counts times the weight of each word, each row divided by its norm."""

from typing import Any

import numpy as np

from delivery.onnx.converters.preprocessing.normalizer import normalized
from delivery.onnx.graph import Graph
from delivery.onnx.shapes import same_columns as shape

__all__ = ["convert", "shape", "weighed"]


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of counts in double."""
    graph = Graph(scope, operator, container)
    graph.output(weighed(graph, graph.matrix(), graph.model))


def weighed(graph: Graph, counts: str, weights: Any) -> str:
    """weights: a fitted TfidfTransformer."""
    value = counts
    if weights.sublinear_tf:
        value = _logarithms(graph, counts)
    if weights.use_idf:
        value = graph.add("Mul", value, graph.constant(np.asarray(weights.idf_, np.float64)))
    if weights.norm is not None:
        value = normalized(graph, value, weights.norm)

    return value


def _logarithms(graph: Graph, counts: str) -> str:
    """1 + log(count), and 0 of a word that the text lacks."""
    is_zero = graph.add("Equal", counts, graph.constant(0.0))
    logarithm = graph.add("Log", graph.add("Where", is_zero, graph.constant(1.0), counts))
    raised = graph.add("Add", logarithm, graph.constant(1.0))
    return graph.add("Where", is_zero, graph.constant(0.0), raised)
