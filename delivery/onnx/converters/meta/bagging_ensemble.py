"""Bagging: the mean of what the members answer, each on columns of its own."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters.meta.members import (
    as_variable,
    average,
    label_of,
    scores_of,
    value_of,
    votes_of,
)
from delivery.onnx.converters.scores import largest
from delivery.onnx.converters.trees.bagging_trees import is_of_trees, mean_of_trees
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Trees are one node together; of other members each is a graph of its own."""
    graph = Graph(scope, operator, container)
    mean = mean_of_trees(graph) if is_of_trees(graph.model) else _mean_of_members(graph)
    if not hasattr(graph.model, "classes_"):
        graph.output(mean)
        return

    graph.classes(largest(graph, mean), graph.model.classes_)
    graph.output(mean, 1)


def _mean_of_members(graph: Graph) -> str:
    model, rows = graph.model, graph.matrix(TensorProto.DOUBLE)
    parts = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        columns = graph.constant(np.asarray(features, dtype=np.int64))
        chosen = graph.add("Gather", rows, columns, axis=1)
        parts.append(_answer(graph, member, as_variable(graph, chosen, len(features))))

    return average(graph, parts, None)


def _answer(graph: Graph, member: Any, rows: Any) -> str:
    """A member's value, its probabilities, or 1 for the class that it names."""
    if not hasattr(graph.model, "classes_"):
        return value_of(graph, member, [rows])

    if not hasattr(member, "predict_proba"):
        return votes_of(graph, label_of(graph, member, [rows]), len(graph.model.classes_))

    if len(member.classes_) != len(graph.model.classes_):
        raise NotConvertible(f"{graph.step} with a member that saw some classes alone")

    return scores_of(graph, member, [rows])
