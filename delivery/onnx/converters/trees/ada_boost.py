"""AdaBoost of decision trees: votes by weight, or the value at half of the weight."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.scores import ClassScores
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import leaf_values, vector_sums
from delivery.onnx.converters.trees.sklearn_trees import tree_of, trees_of
from delivery.onnx.converters.trees.tree_arrays import Trees, joined
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of decision trees alone."""
    graph = Graph(scope, operator, container)
    if not all(hasattr(estimator, "tree_") for estimator in graph.model.estimators_):
        raise NotConvertible(f"{graph.step} of other models than decision trees")

    if hasattr(graph.model, "classes_"):
        scores.output(graph, _class_scores(graph, graph.model))
    else:
        graph.output(_values(graph, graph.model))


def _class_scores(graph: Graph, model: Any) -> ClassScores:
    """Of two or more classes."""
    floats = inputs.floats(graph, allows_nan=False)
    votes = vector_sums(graph, floats, _votes(model))
    votes = graph.add("Div", votes, graph.constant([float(model.estimator_weights_.sum())]))
    if model.n_classes_ > 2:
        even = graph.add("Div", votes, graph.constant([float(model.n_classes_ - 1)]))
        return ClassScores(scores.largest(graph, votes), scores.softmax(graph, even))

    return _of_two(graph, votes)


def _of_two(graph: Graph, votes: str) -> ClassScores:
    decision = graph.add("Sub", scores.column(graph, votes, 1), scores.column(graph, votes, 0))
    zero = graph.constant([0.0])
    index = scores.index_where(graph, graph.add("Greater", decision, zero))
    sides = graph.add("Concat", graph.add("Neg", decision), decision, axis=1)
    halves = graph.add("Div", sides, graph.constant([2.0]))
    return ClassScores(index, scores.softmax(graph, halves))


def _values(graph: Graph, model: Any) -> str:
    """The smallest value at which the trees of values up to it have half of the weight."""
    doubles = inputs.floats_as_doubles(graph, allows_nan=False)
    values = leaf_values(graph, doubles, trees_of(model.estimators_))
    count = len(model.estimators_)
    ordered, number = graph.add_many(
        "TopK", values, graph.constant([count]), outputs=2, axis=1, largest=0, sorted=1
    )
    weights = graph.constant(model.estimator_weights_[:count])
    reached = graph.add("CumSum", graph.add("Gather", weights, number), graph.constant(np.int64(1)))
    half = graph.add("Mul", graph.constant([0.5]), scores.column(graph, reached, count - 1))
    enough = graph.cast(graph.add("GreaterOrEqual", reached, half), TensorProto.INT32)
    first = graph.add("ArgMax", enough, axis=1, keepdims=1)
    return graph.add("GatherElements", ordered, first, axis=1)


def _votes(model: Any) -> Trees:
    """Trees whose leaves hold their tree's weight for its class, and a share against the others."""
    parts = []
    for estimator, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        tree = tree_of(estimator)
        chosen = estimator.classes_[tree.value.argmax(axis=1)]
        against = -1 / (model.n_classes_ - 1) * weight
        votes = np.where(chosen[:, None] == model.classes_, weight, against)
        parts.append(tree.with_value(votes))

    return joined(parts)
