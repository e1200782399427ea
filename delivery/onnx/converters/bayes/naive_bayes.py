"""GaussianNB, BernoulliNB, CategoricalNB, ComplementNB and MultinomialNB."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The class of the largest joint likelihood; probabilities by their exponentials."""
    graph = Graph(scope, operator, container)
    likelihood = _OF_CLASS[graph.step](graph, graph.model)
    graph.classes(scores.largest(graph, likelihood), graph.model.classes_)
    graph.output(scores.softmax(graph, likelihood), 1)


def _gaussian(graph: Graph, model: Any) -> str:
    rows, parts = graph.matrix(), []
    for number, share in enumerate(model.class_prior_):
        mean, variance = _row(model.theta_[number]), _row(model.var_[number])
        difference = graph.add("Sub", rows, graph.constant(mean))
        square = graph.add("Mul", difference, difference)
        scaled = graph.add("Div", square, graph.constant(variance))
        total = scores.row_sums(graph, scaled)
        fixed = np.log(share) - 0.5 * np.sum(np.log(2.0 * np.pi * variance))
        halved = graph.add("Mul", total, graph.constant(-0.5))
        parts.append(graph.add("Add", halved, graph.constant(float(fixed))))

    return graph.joined(parts)


def _multinomial(graph: Graph, model: Any) -> str:
    return _linear(graph, graph.matrix(), model.feature_log_prob_, model.class_log_prior_)


def _complement(graph: Graph, model: Any) -> str:
    offsets = np.zeros(len(model.classes_))
    if len(model.classes_) == 1:
        offsets = model.class_log_prior_

    return _linear(graph, graph.matrix(), model.feature_log_prob_, offsets)


def _bernoulli(graph: Graph, model: Any) -> str:
    rows = graph.matrix()
    if model.binarize is not None:
        above = graph.add("Greater", rows, graph.constant(float(model.binarize)))
        rows = graph.cast(above, TensorProto.DOUBLE)

    absent = np.log(1 - np.exp(model.feature_log_prob_))
    offsets = model.class_log_prior_ + absent.sum(axis=1)
    return _linear(graph, rows, model.feature_log_prob_ - absent, offsets)


def _categorical(graph: Graph, model: Any) -> str:
    """Fails on a number that is no category, as scikit-learn does."""
    total = graph.constant(_row(model.class_log_prior_))
    for column, table in zip(graph.columns(), model.feature_log_prob_, strict=True):
        numbers = graph.as_kind(column, TensorProto.INT64)
        # A negative number would count from the end.
        is_negative = graph.add("Less", numbers, graph.constant(np.int64(0)))
        beyond = graph.constant(np.int64(table.shape[1]))
        checked = graph.add("Where", is_negative, beyond, numbers)
        flat = graph.add("Reshape", checked, graph.constant(np.array([-1])))
        lines = graph.constant(np.ascontiguousarray(table.T))
        total = graph.add("Add", total, graph.add("Gather", lines, flat, axis=0))

    return total


def _linear(graph: Graph, rows: str, weights: np.ndarray, offsets: np.ndarray) -> str:
    product = graph.add("MatMul", rows, graph.constant(np.ascontiguousarray(weights.T)))
    return graph.add("Add", product, graph.constant(_row(offsets)))


def _row(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(1, -1)


_OF_CLASS: dict[str, Callable[[Graph, Any], str]] = {
    "GaussianNB": _gaussian,
    "MultinomialNB": _multinomial,
    "ComplementNB": _complement,
    "BernoulliNB": _bernoulli,
    "CategoricalNB": _categorical,
}
