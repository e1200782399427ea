"""Decision trees and forests of them: the mean of what their leaves hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters import scores
from delivery.onnx.converters.targets.several_labels import (
    beside_each_other,
    output_probabilities,
    set_shapes,
)
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import sums, vector_sums
from delivery.onnx.converters.trees.sklearn_trees import trees_of
from delivery.onnx.graph import Graph, class_values
from delivery.onnx.shapes import default


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes or values, of one target or several."""
    graph = Graph(scope, operator, container)
    if not hasattr(graph.model, "classes_"):
        graph.output(_values(graph))
    elif graph.model.n_outputs_ > 1:
        _output_classes_of_targets(graph, _mean_of_vectors(graph))
    else:
        scores.output(graph, scores.of_probabilities(graph, _mean_of_vectors(graph)))


def shape(operator: Any) -> None:
    """As the default, and of several targets a class and probabilities for each."""
    model = operator.raw_operator
    if getattr(model, "n_outputs_", 1) == 1:
        default(operator)
    elif hasattr(model, "classes_"):
        set_shapes(operator, model.classes_)
    else:
        operator.outputs[0].type = DoubleTensorType([None, model.n_outputs_])


def _output_classes_of_targets(graph: Graph, vectors: str) -> None:
    """vectors: the probabilities of all targets one after another, each of as many places."""
    model = graph.model
    places = max(map(len, model.classes_))
    labels, tables = [], []
    for number, classes in enumerate(model.classes_):
        own = np.arange(len(classes), dtype=np.int64) + number * places
        table = graph.add("Gather", vectors, graph.constant(own), axis=1)
        numbers = scores.largest(graph, table)
        labels.append(graph.add("Gather", graph.constant(class_values(classes)), numbers))
        tables.append(table)

    graph.output(beside_each_other(graph, labels))
    output_probabilities(graph, tables, model.classes_)


def _values(graph: Graph) -> str:
    """Of shape [n, outputs]."""
    estimators = _estimators(graph.model)
    if graph.model.n_outputs_ > 1:
        return _mean_of_vectors(graph)

    doubles = inputs.floats_as_doubles(graph, inputs.allows_nan(estimators[0]))
    return _mean(graph, sums(graph, doubles, trees_of(estimators)), len(estimators))


def _mean_of_vectors(graph: Graph) -> str:
    """Of shape [n, values of a leaf]."""
    estimators = _estimators(graph.model)
    floats = inputs.floats(graph, inputs.allows_nan(estimators[0]))
    return _mean(graph, vector_sums(graph, floats, trees_of(estimators)), len(estimators))


def _estimators(model: Any) -> Sequence[Any]:
    """The trees of a forest; a tree is a forest of one."""
    estimators: Sequence[Any] = getattr(model, "estimators_", [model])
    return estimators


def _mean(graph: Graph, total: str, count: int) -> str:
    if count == 1:
        return total

    return graph.add("Div", total, graph.constant([float(count)]))
