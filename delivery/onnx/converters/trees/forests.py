"""Decision trees and forests of them: the mean of what their leaves hold."""

from collections.abc import Sequence
from typing import Any

from delivery.onnx.converters.trees import inputs, scores
from delivery.onnx.converters.trees.ensemble import sums, vector_sums
from delivery.onnx.converters.trees.sklearn_trees import trees_of
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes of one output, values of one or several."""
    graph = Graph(scope, operator, container)
    if not hasattr(graph.model, "classes_"):
        graph.output(_values(graph))
    elif graph.model.n_outputs_ > 1:
        raise NotConvertible(f"{graph.step} has classes of several outputs")
    else:
        scores.output(graph, scores.of_probabilities(graph, _mean_of_vectors(graph)))


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
