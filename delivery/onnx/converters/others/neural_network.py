"""MLPClassifier and MLPRegressor: layers of weighted sums and their activations."""

from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes of one label, values of one or several targets."""
    graph = Graph(scope, operator, container)
    last = _layers(graph)
    if not hasattr(graph.model, "classes_"):
        graph.output(_activated(graph, last, graph.model.out_activation_))
    elif graph.model.out_activation_ == "softmax":
        scores.answer(graph, scores.softmax(graph, last))
    elif len(graph.model.classes_) == 2:
        _of_two(graph, scores.expit(graph, last))
    else:
        raise NotConvertible(f"{graph.step} of several labels")


def _of_two(graph: Graph, positive: str) -> None:
    number = scores.index_where(graph, graph.add("Greater", positive, graph.constant(0.5)))
    graph.classes(number, graph.model.classes_)
    graph.output(scores.both(graph, positive), 1)


def _layers(graph: Graph) -> str:
    """What comes into the last activation."""
    model, value = graph.model, graph.matrix()
    for number, (weights, offsets) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        if number:
            value = _activated(graph, value, model.activation)

        product = graph.add("MatMul", value, graph.constant(_double(weights)))
        value = graph.add("Add", product, graph.constant(_double(offsets).reshape(1, -1)))

    return value


def _activated(graph: Graph, value: str, name: str) -> str:
    if name not in _ACTIVATIONS:
        raise NotConvertible(f"{graph.step} with the activation {name!r}")

    return _ACTIVATIONS[name](graph, value)


def _double(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _same(_graph: Graph, value: str) -> str:
    return value


def _relu(graph: Graph, value: str) -> str:
    return graph.add("Max", value, graph.constant(0.0))


def _tanh(graph: Graph, value: str) -> str:
    return graph.add("Tanh", value)


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": _same,
    "relu": _relu,
    "tanh": _tanh,
    "logistic": scores.expit,
}
