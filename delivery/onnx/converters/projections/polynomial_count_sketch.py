"""PolynomialCountSketch: a product of sketches, multiplied as their Fourier transforms."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph

Complex = tuple[str, str]
"""The real and the imaginary part."""


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The transforms are products with matrices."""
    graph = Graph(scope, operator, container)
    model = graph.model
    rows = graph.add("Mul", graph.matrix(), graph.constant(float(np.sqrt(model.gamma))))
    waves = _waves(model.n_components)
    product = _transformed(graph, rows, 0, waves)
    for degree in range(1, model.degree):
        product = _multiplied(graph, product, _transformed(graph, rows, degree, waves))

    back = waves.conj() / model.n_components
    real = graph.add("MatMul", product[0], _constant(graph, back.real))
    imaginary = graph.add("MatMul", product[1], _constant(graph, back.imag))
    graph.output(graph.add("Sub", real, imaginary))


def _waves(count: int) -> np.ndarray:
    """The matrix of the discrete Fourier transform."""
    return np.asarray(np.fft.fft(np.eye(count)))


def _transformed(graph: Graph, rows: str, degree: int, waves: np.ndarray) -> Complex:
    """The transform of the rows' sketch of that degree."""
    model = graph.model
    places, signs = model.indexHash_[degree], model.bitHash_[degree]
    sketch = np.zeros((len(places), model.n_components))
    sketch[np.arange(len(places)), places] = signs
    columns = len(places) - int(model.coef0 != 0)
    # The last of them is a column of the same number in every row.
    added = np.sqrt(model.coef0) * sketch[columns:].sum(axis=0, keepdims=True) @ waves
    weights = sketch[:columns] @ waves
    real, imaginary = (
        graph.add("Gemm", rows, _constant(graph, part), _constant(graph, offset))
        for part, offset in ((weights.real, added.real), (weights.imag, added.imag))
    )
    return real, imaginary


def _multiplied(graph: Graph, one: Complex, other: Complex) -> Complex:
    real = graph.add("Sub", graph.add("Mul", one[0], other[0]), graph.add("Mul", one[1], other[1]))
    imaginary = graph.add(
        "Add", graph.add("Mul", one[0], other[1]), graph.add("Mul", one[1], other[0])
    )
    return real, imaginary


def _constant(graph: Graph, values: np.ndarray) -> str:
    return graph.constant(np.ascontiguousarray(values, dtype=np.float64))
