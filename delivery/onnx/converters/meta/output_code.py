"""OutputCodeClassifier: the class whose code is nearest to the scores of all members."""

from typing import Any

import numpy as np

from delivery.onnx.converters import scores
from delivery.onnx.converters.kernels.kernel_values import ranked_distances
from delivery.onnx.converters.meta import decisions
from delivery.onnx.converters.neighbours.distances import far_limit, unless_far
from delivery.onnx.graph import Graph


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Of equally near codes the first; the second output is minus what ranks them."""
    graph = Graph(scope, operator, container)
    model = graph.model
    joined = graph.joined(decisions.binary_score(graph, one)[0] for one in model.estimators_)
    codes = np.asarray(model.code_book_, dtype=np.float64)
    # Of scores far beyond all codes rounding decides which code is nearer.
    near = unless_far(graph, joined, far_limit(codes, by_products=True))
    ranked = ranked_distances(graph, near, codes)
    graph.classes(scores.smallest(graph, ranked), model.classes_)
    graph.output(graph.add("Neg", ranked), 1)
