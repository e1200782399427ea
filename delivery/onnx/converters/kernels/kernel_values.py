"""Values of kernels between the rows of a graph and fixed rows, in double."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph, NotConvertible


def squared_distances(graph: Graph, rows: str, others: np.ndarray) -> str:
    """Of each row to each fixed row, [n, others]: from the products, as scikit-learn does."""
    axes = graph.constant(np.array([1]))
    own = graph.add("ReduceSum", graph.add("Mul", rows, rows), axes, keepdims=1)
    total = graph.add("Add", own, ranked_distances(graph, rows, others))
    return graph.add("Max", total, graph.constant(0.0))


def ranked_distances(graph: Graph, rows: str, others: np.ndarray) -> str:
    """The squared distances less the row's own square, which does not change their order.

    scikit-learn leaves it out too where it looks for the nearest: far from all fixed rows it would
    take the digits that tell them apart.
    """
    product = graph.add("MatMul", rows, graph.constant(np.ascontiguousarray(-2.0 * others.T)))
    squares = np.einsum("ij,ij->i", others, others).reshape(1, -1)
    return graph.add("Add", product, graph.constant(squares))


def summed_distances(graph: Graph, rows: str, others: np.ndarray, power: int = 2) -> str:
    """The sum over the columns, in order, of the differences' squares or of their sizes (power 1).

    Exact also where rows are equal; as many nodes as three times the columns.
    """
    total = None
    for number in range(others.shape[1]):
        column = graph.add("Gather", rows, graph.constant(np.array([number])), axis=1)
        fixed = graph.constant(others[:, number].reshape(1, -1))
        difference = graph.add("Sub", column, fixed)
        if power == 2:
            part = graph.add("Mul", difference, difference)
        else:
            part = graph.add("Abs", difference)

        total = part if total is None else graph.add("Add", total, part)

    assert total is not None
    return total


def gaussian(graph: Graph, rows: str, others: np.ndarray, gamma: float) -> str:
    """exp(-gamma times the squared distance)."""
    scaled = graph.add("Mul", squared_distances(graph, rows, others), graph.constant(-gamma))
    return graph.add("Exp", scaled)


def products(graph: Graph, rows: str, others: np.ndarray) -> str:
    """Of each row with each fixed row."""
    return graph.add("MatMul", rows, graph.constant(np.ascontiguousarray(others.T)))


def named_kernel(graph: Graph, rows: str, others: np.ndarray, model: Any, gamma: float) -> str:
    """The kernel that a model names: linear, poly, rbf, sigmoid; gamma as it was resolved."""
    name = model.kernel
    if name == "linear":
        return products(graph, rows, others)
    if name == "rbf":
        return gaussian(graph, rows, others, gamma)
    if name not in ("poly", "polynomial", "sigmoid"):
        raise NotConvertible(f"{graph.step} with the kernel {name!r}")

    scaled = graph.add("Mul", products(graph, rows, others), graph.constant(float(gamma)))
    shifted = graph.add("Add", scaled, graph.constant(float(model.coef0)))
    if name == "sigmoid":
        return graph.add("Tanh", shifted)

    return graph.add("Pow", shifted, graph.constant(float(model.degree)))


def dense(rows: Any) -> np.ndarray:
    """Fixed rows as an array of double, also where the model keeps them sparse."""
    if hasattr(rows, "toarray"):
        rows = rows.toarray()

    return np.asarray(rows, dtype=np.float64)
