"""The error function in double, which ONNX Runtime has for 32 bits alone.

By the rational functions of Cephes, as scipy computes it.
"""

import numpy as np

from delivery.onnx.graph import Graph

# Of the highest power first.
_SMALL_ABOVE = (
    9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
    7.00332514112805075473e3, 5.55923013010394962768e4,
)  # fmt: skip
_SMALL_BELOW = (
    1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
    2.26290000613890934246e4, 4.92673942608635921086e4,
)  # fmt: skip
_LARGE_ABOVE = (
    2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
    4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
    9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
)  # fmt: skip
_LARGE_BELOW = (
    1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
    9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
    1.65666309194161350182e3, 5.57535340817727675546e2,
)  # fmt: skip
# From here on it is 1 to the last digit.
_END = 7.0


def error_function(graph: Graph, value: str) -> str:
    """Of each number."""
    size = graph.add("Abs", value)
    is_small = graph.add("LessOrEqual", size, graph.constant(1.0))
    return graph.add("Where", is_small, _small(graph, value), _large(graph, value, size))


def _small(graph: Graph, value: str) -> str:
    square = graph.add("Mul", value, value)
    quotient = _quotient(graph, square, _SMALL_ABOVE, _SMALL_BELOW)
    return graph.add("Mul", value, quotient)


def _large(graph: Graph, value: str, size: str) -> str:
    bounded = graph.add("Min", size, graph.constant(_END))
    decay = graph.add("Exp", graph.add("Neg", graph.add("Mul", bounded, bounded)))
    rest = graph.add("Mul", decay, _quotient(graph, bounded, _LARGE_ABOVE, _LARGE_BELOW))
    return graph.add("Mul", graph.add("Sign", value), graph.add("Sub", graph.constant(1.0), rest))


def _quotient(graph: Graph, value: str, above: tuple[float, ...], below: tuple[float, ...]) -> str:
    return graph.add("Div", _polynomial(graph, value, above), _polynomial(graph, value, below))


def _polynomial(graph: Graph, value: str, coefficients: tuple[float, ...]) -> str:
    total = graph.constant(np.float64(coefficients[0]))
    for coefficient in coefficients[1:]:
        product = graph.add("Mul", total, value)
        total = graph.add("Add", product, graph.constant(np.float64(coefficient)))

    return total
