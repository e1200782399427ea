"""GaussianProcessClassifier: Laplace's approximation, of each class against the others."""

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels import gaussian_process_kernel
from delivery.onnx.converters.kernels.error_function import error_function
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The class of the largest probability; of two classes by the sign of the mean."""
    graph = Graph(scope, operator, container)
    model, rows = graph.model, graph.matrix()
    member = model.base_estimator_
    if len(model.classes_) == 2:
        mean, positive = _latent(graph, member, rows)
        number = scores.index_where(graph, graph.add("Greater", mean, graph.constant(0.0)))
        graph.classes(number, model.classes_)
        graph.output(scores.both(graph, positive), 1)
        return

    if not hasattr(member, "multilabel_"):
        raise NotConvertible(f"{graph.step} of pairs of classes")

    _of_several(graph, [_latent(graph, one, rows)[1] for one in member.estimators_])


def _of_several(graph: Graph, positives: list[str]) -> None:
    """Of equal probabilities the first class wins."""
    joined = graph.joined(positives)
    graph.classes(scores.largest(graph, joined), graph.model.classes_)
    graph.output(graph.add("Div", joined, scores.row_sums(graph, joined)), 1)


def _latent(graph: Graph, member: Any, rows: str) -> tuple[str, str]:
    """The mean of the latent function, and the probability of the second class, each [n, 1]."""
    kernel = gaussian_process_kernel.values(graph, member.kernel_, rows, member.X_train_)
    residuals = np.asarray(member.y_train_ - member.pi_, dtype=np.float64).reshape(-1, 1)
    mean = graph.add("MatMul", kernel, graph.constant(residuals))

    weights = solve_triangular(member.L_, np.diag(member.W_sr_), lower=True)
    solved = graph.add("MatMul", kernel, graph.constant(np.ascontiguousarray(weights.T)))
    explained = scores.row_sums(graph, graph.add("Mul", solved, solved))
    own = graph.constant(gaussian_process_kernel.with_itself(member.kernel_))
    return mean, _probability(graph, mean, graph.add("Sub", own, explained))


def _probability(graph: Graph, mean: str, variance: str) -> str:
    """The logistic function's expected value, by five error functions."""
    from sklearn.gaussian_process._gpc import COEFS, LAMBDAS

    slopes, shares = LAMBDAS.reshape(1, -1), COEFS.reshape(1, -1)
    spread = graph.add("Mul", variance, graph.constant(2 * np.square(slopes)))
    width = graph.add("Sqrt", graph.add("Add", spread, graph.constant(1.0)))
    scaled = graph.add("Div", graph.add("Mul", mean, graph.constant(slopes)), width)
    halves = graph.add("Mul", error_function(graph, scaled), graph.constant(shares / 2))
    return graph.add("Add", scores.row_sums(graph, halves), graph.constant(shares.sum() / 2))
