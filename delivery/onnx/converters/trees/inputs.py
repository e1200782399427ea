"""Gives trees their rows as scikit-learn does: in 32 bits, and refused where that overflows."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.graph import Graph

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


def floats(graph: Graph, allows_nan: bool) -> str:
    """The rows in 32 bits; ONNX Runtime fails on infinity, and on NaN where that is not allowed."""
    return without_infinity(graph, as_floats(graph), allows_nan)


def floats_as_doubles(graph: Graph, allows_nan: bool) -> str:
    """The same, rounded to 32 bits but in double, for trees that are summed in double."""
    return graph.cast(floats(graph, allows_nan), TensorProto.DOUBLE)


def as_floats(graph: Graph) -> str:
    """The rows in 32 bits, rounded once where numpy rounds once, and twice where it does so."""
    kinds = {tensor.kind for tensor in graph.inputs()}
    if TensorProto.INT64 in kinds and kinds.intersection(FLOATS):
        return graph.cast(graph.matrix(TensorProto.DOUBLE), TensorProto.FLOAT)

    return graph.matrix(TensorProto.FLOAT)


def allows_nan(model: Any) -> bool:
    """Whether scikit-learn's model takes rows with NaN."""
    from sklearn.utils import get_tags

    return bool(get_tags(model).input_tags.allow_nan)


def without_infinity(
    graph: Graph, rows: str, allows_nan: bool, dtype: type[np.floating] = np.float32
) -> str:
    """The rows, of that type, unless one is to be refused.

    Then the second value of a tensor of one value is read, which fails.
    """
    bad = graph.add("IsInf", rows)
    if not allows_nan:
        bad = graph.add("Or", bad, graph.add("IsNaN", rows))

    worst = graph.add("ReduceMax", graph.cast(bad, TensorProto.INT32), keepdims=0)
    zero = graph.add("Gather", graph.constant(np.zeros(1, dtype=dtype)), worst)
    return graph.add("Add", rows, zero)
