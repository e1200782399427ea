"""OneVsOneClassifier: a member for each pair of classes, which votes."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.support_vectors import pair_members
from delivery.onnx.converters.meta import decisions
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Votes, and within less than one vote the sum of the scores."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if model.pairwise_indices_ is not None:
        raise NotConvertible(f"{graph.step} of pairwise members")

    pairs = [decisions.binary_score(graph, one) for one in model.estimators_]
    joined = graph.joined(score for score, _ in pairs)
    if len(model.classes_) == 2:
        above = graph.add("Greater", joined, graph.constant(pairs[0][1]))
        graph.classes(scores.index_where(graph, above), model.classes_)
        graph.output(joined, 1)
        return

    limits = graph.constant(np.array([[limit for _, limit in pairs]]))
    votes = _votes(graph, joined, graph.add("Greater", joined, limits))
    graph.classes(scores.largest(graph, votes), model.classes_)
    graph.output(votes, 1)


def _votes(graph: Graph, scores_of_pairs: str, second_wins: str) -> str:
    first, second = pair_members(len(graph.model.classes_))
    flags = graph.cast(second_wins, TensorProto.DOUBLE)
    for_second = graph.add("MatMul", flags, graph.constant(second))
    others = graph.add("Sub", graph.constant(1.0), flags)
    votes = graph.add("Add", for_second, graph.add("MatMul", others, graph.constant(first)))
    sums = graph.add("MatMul", scores_of_pairs, graph.constant(second - first))
    size = graph.add("Add", graph.add("Abs", sums), graph.constant(1.0))
    share = graph.add("Div", sums, graph.add("Mul", size, graph.constant(3.0)))
    return graph.add("Add", votes, share)
