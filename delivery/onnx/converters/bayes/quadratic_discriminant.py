"""QuadraticDiscriminantAnalysis: a normal distribution of its own for each class."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The class of the largest logarithm of the likelihood."""
    graph = Graph(scope, operator, container)
    model, rows, parts = graph.model, graph.matrix(), []
    for mean, rotation, scaling in zip(
        model.means_, model.rotations_, model.scalings_, strict=True
    ):
        centred = graph.add("Sub", rows, graph.constant(np.asarray(mean).reshape(1, -1)))
        turned = graph.add("MatMul", centred, graph.constant(rotation * scaling**-0.5))
        square = graph.add("Mul", turned, turned)
        total = graph.add("ReduceSum", square, graph.constant(np.array([1])), keepdims=1)
        parts.append(graph.add("Add", total, graph.constant(float(np.sum(np.log(scaling))))))

    halved = graph.add("Mul", graph.joined(parts), graph.constant(-0.5))
    share = graph.constant(np.log(model.priors_).reshape(1, -1))
    likelihood = graph.add("Add", halved, share)
    graph.classes(scores.largest(graph, likelihood), model.classes_)
    graph.output(scores.softmax(graph, likelihood), 1)
