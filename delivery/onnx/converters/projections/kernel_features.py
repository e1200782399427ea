"""Nystroem and KernelPCA: weighted sums of a kernel with fixed rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from delivery.onnx.converters.kernels.kernel_values import dense, named_kernel
from delivery.onnx.graph import Graph


@dataclass(frozen=True)
class _Parameters:
    """A kernel's own, with what scikit-learn has where a model names none."""

    kernel: str
    coef0: float
    degree: float


def convert(scope: Any, operator: Any, container: Any) -> None:
    """As many columns as components."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if graph.step == "Nystroem":
        kernel = _kernel(graph, dense(model.components_), model.gamma)
        graph.output(_product(graph, kernel, model.normalization_.T))
    else:
        inner = centred(graph, _kernel(graph, dense(model.X_fit_), model.gamma_), model._centerer)
        graph.output(_product(graph, inner, scaled_vectors(model)))


def _kernel(graph: Graph, others: np.ndarray, gamma: float | None) -> str:
    model = graph.model
    parameters = _Parameters(model.kernel, _or(model.coef0, 1.0), _or(model.degree, 3.0))
    gamma = _or(gamma, 1.0 / others.shape[1])
    return named_kernel(graph, graph.matrix(), others, parameters, gamma)


def centred(graph: Graph, kernel: str, centerer: Any) -> str:
    """Less the means of the fitted kernel's columns and of the row, plus the mean of all."""
    columns = np.asarray(centerer.K_fit_rows_, dtype=np.float64).reshape(1, -1)
    axes = graph.constant(np.array([1]))
    of_row = graph.add("ReduceMean", kernel, axes, keepdims=1)
    less = graph.add("Sub", graph.add("Sub", kernel, graph.constant(columns)), of_row)
    return graph.add("Add", less, graph.constant(float(centerer.K_fit_all_)))


def scaled_vectors(model: Any) -> np.ndarray:
    """The eigenvectors divided by the roots of their values; zeros for values of 0."""
    values, vectors = model.eigenvalues_, model.eigenvectors_
    scaled: np.ndarray = np.zeros_like(vectors)
    present = np.flatnonzero(values)
    scaled[:, present] = vectors[:, present] / np.sqrt(values[present])
    return scaled


def _product(graph: Graph, kernel: str, weights: np.ndarray) -> str:
    double = np.ascontiguousarray(weights, dtype=np.float64)
    return graph.add("MatMul", kernel, graph.constant(double))


def _or(value: float | None, default: float) -> float:
    if value is None:
        return default

    return float(value)
