"""Isolation forest: how soon its trees tell a row from the others."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.ensemble._iforest import _average_path_length

from delivery.onnx.converters import scores
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import sums
from delivery.onnx.converters.trees.sklearn_trees import tree_of
from delivery.onnx.converters.trees.tree_arrays import Trees, joined
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """1 or -1, and decision_function of shape [n, 1]."""
    graph = Graph(scope, operator, container)
    model = graph.model
    # It takes infinity and NaN; both go through the trees.
    floats = graph.cast(inputs.as_floats(graph), TensorProto.DOUBLE)
    depths = sums(graph, floats, _trees(model))
    denominator = _denominator(model)
    exponent = graph.add("Neg", graph.add("Div", depths, graph.constant([float(denominator)])))
    anomaly = graph.add("Pow", graph.constant([2.0]), exponent)
    score = graph.add("Neg", anomaly)
    decision = graph.add("Sub", score, graph.constant([float(model.offset_)]))
    # Compared as depths: the power may be rounded otherwise here and there.
    is_inlier = graph.add("GreaterOrEqual", depths, graph.constant([_least_depth(model)]))
    one, other = graph.constant([1]), graph.constant([-1])
    labels = graph.add("Where", is_inlier, one, other)
    graph.output(graph.add("Squeeze", labels, scores.axes_of(graph, 1)))
    graph.output(decision, 1)


def _trees(model: Any) -> Trees:
    """Trees whose leaves hold their depth, and what the rows left in them would have added."""
    parts = []
    for number, estimator in enumerate(model.estimators_):
        depth = model._decision_path_lengths[number] + model._average_path_length_per_tree[number]
        tree = tree_of(estimator).with_value(depth - 1.0)
        parts.append(tree.with_features(np.asarray(model.estimators_features_[number])))

    return joined(parts)


def _denominator(model: Any) -> float:
    """Raises NotConvertible of trees that were fitted on one row."""
    path = float(_average_path_length([model._max_samples])[0])
    if path == 0:
        raise NotConvertible("its trees were fitted on one row each: raise max_samples")

    return len(model.estimators_) * path


def _least_depth(model: Any) -> float:
    """The smallest sum of depths of which scikit-learn says that the row is no outlier."""
    denominator = _denominator(model)
    low, high = np.array([0.0]).view(np.int64), np.array([1e12]).view(np.int64)
    # Positive doubles are in the order of their bits.
    while low < high:
        middle = low + (high - low) // 2
        depth = middle.view(np.float64)
        if (-(2 ** (-(depth / denominator))) - model.offset_)[0] >= 0:
            high = middle
        else:
            low = middle + 1

    return float(low.view(np.float64)[0])
