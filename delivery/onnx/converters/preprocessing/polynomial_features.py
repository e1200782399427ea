"""PolynomialFeatures: products of columns."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph, NotConvertible

MOST_TERMS = 20_000


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Each factor of all products is one Gather; a product of fewer has ones."""
    graph = Graph(scope, operator, container)
    powers = np.asarray(graph.model.powers_)
    if len(powers) > MOST_TERMS:
        raise NotConvertible(f"PolynomialFeatures with {len(powers)} products")

    value = graph.matrix()
    one = graph.constant(np.ones((1, 1)))
    first = graph.add("Gather", value, graph.constant(np.array([0], dtype=np.int64)), axis=1)
    ones = graph.add("Expand", one, graph.add("Shape", first))
    with_ones = graph.joined([value, ones])
    factors = _factors(powers)

    product = _factor(graph, with_ones, factors[:, 0])
    for number in range(1, factors.shape[1]):
        product = graph.add("Mul", product, _factor(graph, with_ones, factors[:, number]))

    graph.output(product)


def shape(operator: Any) -> None:
    """A column for each product."""
    operator.outputs[0].type = DoubleTensorType([None, operator.raw_operator.n_output_features_])


def _factor(graph: Graph, value: str, columns: np.ndarray) -> str:
    return graph.add("Gather", value, graph.constant(np.ascontiguousarray(columns)), axis=1)


def _factors(powers: np.ndarray) -> np.ndarray:
    """The columns that each product multiplies; the column after the last is of ones."""
    degree = max(1, int(powers.sum(axis=1).max()))
    factors = np.full((len(powers), degree), powers.shape[1], dtype=np.int64)
    for term, exponents in enumerate(powers):
        columns = np.repeat(np.arange(len(exponents)), exponents)
        factors[term, : len(columns)] = columns

    return factors
