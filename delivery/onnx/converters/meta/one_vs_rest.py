"""OneVsRestClassifier: a member for each class."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.meta import decisions
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of equal scores the first class wins."""
    graph = Graph(scope, operator, container)
    model = graph.model
    if model.multilabel_:
        raise NotConvertible(f"{graph.step} of several labels")

    pairs = [decisions.binary_score(graph, one) for one in model.estimators_]
    if len(pairs) == 1:
        ((score, limit),) = pairs
        number = scores.index_where(graph, graph.add("Greater", score, graph.constant(limit)))
    else:
        joined = graph.joined(score for score, _ in pairs)
        number = scores.largest(graph, joined)

    graph.classes(number, model.classes_)
    if all(hasattr(one, "predict_proba") for one in model.estimators_):
        graph.output(_probabilities(graph), 1)
    else:
        graph.output(graph.joined(score for score, _ in pairs), 1)


def _probabilities(graph: Graph) -> str:
    """Those of the members, with a sum of 1."""
    parts = [decisions.probability_of_second(graph, one) for one in graph.model.estimators_]
    if len(parts) == 1:
        return scores.both(graph, parts[0])

    joined = graph.joined(parts)
    total = graph.add("ReduceSum", joined, graph.constant(np.array([1])), keepdims=1)
    is_zero = graph.add("Equal", total, graph.constant(0.0))
    return graph.add("Where", is_zero, joined, graph.add("Div", joined, total))
