"""DummyClassifier and DummyRegressor: the same answer for every row."""

from typing import Any

import numpy as np

from delivery.onnx.graph import Graph, NotConvertible

SHARES = ("prior", "most_frequent", "constant")


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Not of those that draw."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if model.n_outputs_ > 1:
        raise NotConvertible(f"{graph.step} of several targets")

    if not hasattr(model, "classes_"):
        graph.output(_repeated(graph, np.asarray(model.constant_, dtype=np.float64)))
        return

    if model.strategy not in SHARES:
        raise NotConvertible(f"{graph.step} that draws its answers")

    rows = np.zeros((1, model.n_features_in_ if hasattr(model, "n_features_in_") else 1))
    probabilities = _repeated(graph, np.asarray(model.predict_proba(rows), dtype=np.float64))
    number = int(np.flatnonzero(model.classes_ == model.predict(rows)[0])[0])
    graph.classes(graph.add("Expand", graph.constant([number]), _count(graph)), model.classes_)
    graph.output(probabilities, 1)


def _repeated(graph: Graph, line: np.ndarray) -> str:
    """The line for every row, [n, columns]."""
    row = line.reshape(1, -1)
    width = graph.constant([row.shape[1]])
    shape = graph.add("Concat", _count(graph), width, axis=0)
    return graph.add("Expand", graph.constant(row), shape)


def _count(graph: Graph) -> str:
    """The number of rows, [1]."""
    return graph.add("Shape", graph.inputs()[0].name, start=0, end=1)
