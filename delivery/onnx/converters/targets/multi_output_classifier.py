"""MultiOutputClassifier: the classes of its classifiers beside each other."""

from typing import Any

from delivery.onnx.converters.meta.members import label_of, scores_of
from delivery.onnx.converters.targets.several_labels import (
    beside_each_other,
    output_probabilities,
    set_shapes,
)
from delivery.onnx.graph import Graph


def shape(operator: Any) -> None:
    """A class and probabilities for each target."""
    set_shapes(operator, operator.raw_operator.classes_)


def convert(scope: Any, operator: Any, container: Any) -> None:
    """All on the same columns."""
    graph = Graph(scope, operator, container)
    labels, tables = [], []
    for member in graph.model.estimators_:
        labels.append(label_of(graph, member, operator.inputs))
        tables.append(scores_of(graph, member, operator.inputs))

    graph.output(beside_each_other(graph, labels))
    output_probabilities(graph, tables, graph.model.classes_)
