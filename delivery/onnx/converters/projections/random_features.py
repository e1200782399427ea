"""RBFSampler, SkewedChi2Sampler and BernoulliRBM: waves or sigmoids of weighted sums."""

from collections.abc import Callable
from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.linear.scores import weighted_sums
from delivery.onnx.graph import Graph

# Of larger ones rounding leaves too little to know where on the wave they are.
LARGEST_ANGLE = 1e8


def convert(scope: Any, operator: Any, container: Any) -> None:
    """As many columns as components."""
    graph = Graph(scope, operator, container)
    graph.output(_OF_CLASS[graph.step](graph, graph.matrix()))


def _waves(graph: Graph, rows: str) -> str:
    model = graph.model
    angles = weighted_sums(graph, rows, model.random_weights_.T, model.random_offset_)
    far = graph.add("Greater", graph.add("Abs", angles), graph.constant(LARGEST_ANGLE))
    angles = scores.unless(graph, angles, far)
    size = float(np.sqrt(2.0 / model.n_components))
    return graph.add("Mul", graph.add("Cos", angles), graph.constant(size))


def _skewed(graph: Graph, rows: str) -> str:
    """A row fails that holds a number not above minus the skewedness."""
    skewedness = float(graph.model.skewedness)
    low = graph.add("LessOrEqual", rows, graph.constant(-skewedness))
    shifted = graph.add("Add", scores.unless(graph, rows, low), graph.constant(skewedness))
    return _waves(graph, graph.add("Log", shifted))


def _hidden(graph: Graph, rows: str) -> str:
    model = graph.model
    sums = weighted_sums(graph, rows, model.components_, model.intercept_hidden_)
    return scores.expit(graph, sums)


_OF_CLASS: dict[str, Callable[[Graph, str], str]] = {
    "RBFSampler": _waves,
    "SkewedChi2Sampler": _skewed,
    "BernoulliRBM": _hidden,
}
