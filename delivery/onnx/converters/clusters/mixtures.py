"""GaussianMixture and BayesianGaussianMixture: the most probable of some normal distributions."""

import math
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph

OUTPUTS = ("label", "probabilities")


def shape(operator: Any) -> None:
    """A number of a component, and the probability of each."""
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType

    model = operator.raw_operator
    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, len(model.means_)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """By the logarithms of the weighted densities."""
    graph = Graph(scope, operator, container)
    squares = _squares(graph, graph.matrix(), graph.model)
    fixed = graph.constant(_fixed(graph.model, squares))
    halved = graph.add("Mul", graph.joined(squares), graph.constant(-0.5))
    densities = graph.add("Add", halved, fixed)
    graph.output(graph.cast(scores.largest(graph, densities), TensorProto.INT64))
    graph.output(scores.softmax(graph, densities), 1)


def _squares(graph: Graph, rows: str, model: Any) -> list[str]:
    """The squared distance from each mean in units of its deviation, each [n, 1]."""
    parts, axes = [], graph.constant(np.array([1]))
    for number, mean in enumerate(model.means_):
        precision = _precision(model, number)
        turned = graph.add("MatMul", rows, graph.constant(precision))
        moved = graph.add("Sub", turned, graph.constant((mean @ precision).reshape(1, -1)))
        square = graph.add("Mul", moved, moved)
        parts.append(graph.add("ReduceSum", square, axes, keepdims=1))

    return parts


def _precision(model: Any, number: int) -> np.ndarray:
    """A root of the inverse covariance of one component, [columns, columns]."""
    columns, roots = model.means_.shape[1], model.precisions_cholesky_
    if model.covariance_type == "full":
        return np.asarray(roots[number])
    if model.covariance_type == "tied":
        return np.asarray(roots)
    if model.covariance_type == "diag":
        return np.diag(roots[number])

    return np.asarray(np.eye(columns) * roots[number])


def _fixed(model: Any, squares: list[str]) -> np.ndarray:
    """What does not depend on the row: shares and sizes of the components, [1, components].

    scikit-learn's own figure for one row, less what depends on it there.
    """
    origin = np.zeros((1, model.means_.shape[1]))
    whole = model._estimate_weighted_log_prob(origin)[0]
    sizes = []
    for number in range(len(squares)):
        precision = _precision(model, number)
        sizes.append(math.fsum(np.square(model.means_[number] @ precision)))

    return np.asarray(whole + 0.5 * np.array(sizes)).reshape(1, -1)
