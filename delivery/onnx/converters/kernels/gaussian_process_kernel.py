"""The kernels of Gaussian processes, and their sums and products, against training rows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.converters.kernels.kernel_values import products, summed_distances
from delivery.onnx.graph import Graph, NotConvertible


def values(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    """Of each row with each training row, [n, training rows]."""
    name = type(kernel).__name__
    if name in _OF_TWO:
        one = values(graph, kernel.k1, rows, training)
        other = values(graph, kernel.k2, rows, training)
        return graph.add(_OF_TWO[name], one, other)

    if name not in _ALONE:
        raise NotConvertible(f"{graph.step} with the kernel {name}")

    return _ALONE[name](graph, kernel, rows, training)


def with_itself(kernel: Any) -> float:
    """The kernel of any row with itself; raises NotConvertible where it depends on the row."""
    if not kernel.is_stationary():
        raise NotConvertible("a Gaussian process with a kernel that depends on where a row is")

    return float(kernel.diag(np.zeros((1, _columns_of(kernel))))[0])


def _columns_of(kernel: Any) -> int:
    sizes = [np.size(value) for value in kernel.get_params().values() if np.ndim(value)]
    return max(sizes, default=1)


def _constant(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    nothing = graph.add("MatMul", rows, graph.constant(np.zeros((training.shape[1], 1))))
    row = np.full((1, len(training)), float(kernel.constant_value))
    return graph.add("Add", nothing, graph.constant(row))


def _white(graph: Graph, _kernel: Any, rows: str, training: np.ndarray) -> str:
    """Noise that no two rows share."""
    return graph.add("MatMul", rows, graph.constant(np.zeros(training.shape[::-1])))


def _scaled(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    """Squared distances in units of the length scale."""
    scale = np.asarray(kernel.length_scale, dtype=np.float64).reshape(1, -1)
    scaled = graph.add("Div", rows, graph.constant(scale))
    return summed_distances(graph, scaled, training / scale)


def _rbf(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    squares = _scaled(graph, kernel, rows, training)
    return graph.add("Exp", graph.add("Mul", squares, graph.constant(-0.5)))


def _matern(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    if kernel.nu not in (0.5, 1.5, 2.5, np.inf):
        raise NotConvertible(f"{graph.step} with a Matern kernel of nu {kernel.nu}")
    if kernel.nu == np.inf:
        return _rbf(graph, kernel, rows, training)

    distances = graph.add("Sqrt", _scaled(graph, kernel, rows, training))
    stretched = graph.add("Mul", distances, graph.constant(math.sqrt(2 * kernel.nu)))
    decay = graph.add("Exp", graph.add("Neg", stretched))
    if kernel.nu == 0.5:
        return decay

    rising = graph.add("Add", stretched, graph.constant(1.0))
    if kernel.nu == 2.5:
        square = graph.add("Mul", stretched, stretched)
        rising = graph.add("Add", rising, graph.add("Div", square, graph.constant(3.0)))

    return graph.add("Mul", rising, decay)


def _rational_quadratic(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    alpha, squares = float(kernel.alpha), summed_distances(graph, rows, training)
    width = graph.constant(2 * alpha * float(kernel.length_scale) ** 2)
    base = graph.add("Add", graph.add("Div", squares, width), graph.constant(1.0))
    return graph.add("Pow", base, graph.constant(-alpha))


def _dot_product(graph: Graph, kernel: Any, rows: str, training: np.ndarray) -> str:
    square = graph.constant(float(kernel.sigma_0) ** 2)
    return graph.add("Add", products(graph, rows, training), square)


_OF_TWO = {"Sum": "Add", "Product": "Mul"}
_ALONE: dict[str, Callable[[Graph, Any, str, np.ndarray], str]] = {
    "ConstantKernel": _constant,
    "WhiteKernel": _white,
    "RBF": _rbf,
    "Matern": _matern,
    "RationalQuadratic": _rational_quadratic,
    "DotProduct": _dot_product,
}
