"""Histogram-based gradient boosting: thresholds on doubles, nulls, and sets of categories."""

from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.scores import ClassScores
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import sums
from delivery.onnx.converters.trees.tree_arrays import (
    LESS,
    MEMBER,
    Trees,
    constant_tree,
    joined,
    one_tree,
)
from delivery.onnx.graph import Graph, GraphValue
from delivery.onnx.lookup import looked_up

# Losses whose raw value is the logarithm of the value.
LOGARITHMIC = ("poisson", "gamma")
BITS = 32
# The code of a category that is not known, and of null.
UNKNOWN = -1.0


def convert(scope: Any, operator: Any, container: Any) -> None:
    """All losses."""
    graph = Graph(scope, operator, container)
    raw = _raw(graph)
    if hasattr(graph.model, "classes_"):
        scores.output(graph, _class_scores(graph, raw))
    elif graph.model.loss in LOGARITHMIC:
        graph.output(scores.exp(graph, raw))
    else:
        graph.output(raw)


def _class_scores(graph: Graph, raw: str) -> ClassScores:
    """Of two or more classes."""
    if graph.model.n_trees_per_iteration_ > 1:
        return ClassScores(scores.largest(graph, raw), scores.softmax(graph, raw))

    zero = graph.constant([0.0])
    index = scores.index_where(graph, graph.add("Greater", raw, zero))
    return ClassScores(index, scores.both(graph, scores.expit(graph, raw)))


def _raw(graph: Graph) -> str:
    """The baseline and all leaves, added in scikit-learn's order."""
    model, categories = graph.model, _Categories(graph.model)
    per_stage = model.n_trees_per_iteration_
    first = model._baseline_prediction.reshape(-1).tolist()
    parts = [constant_tree([value]) for value in first]
    for stage in model._predictors:
        for predictor in stage:
            parts.append(_tree(predictor, categories))

    targets = np.tile(np.arange(per_stage), 1 + len(model._predictors))
    return sums(graph, _doubles(graph, categories), joined(parts), targets)


class _Categories:
    """Which columns hold categories, and which values they know.

    The model's trees see the columns of categories first. known: by column, the categories in the
    order of their codes. Null has no code: it is a missing value.
    """

    def __init__(self, model: Any) -> None:
        is_categorical = model.is_categorical_
        if is_categorical is None:
            is_categorical = np.zeros(model.n_features_in_, dtype=bool)

        self.columns = np.append(np.flatnonzero(is_categorical), np.flatnonzero(~is_categorical))
        self.known: dict[int, np.ndarray] = {}
        if is_categorical.any():
            encoder = model._preprocessor.named_transformers_["encoder"]
            known = map(_without_missing, encoder.categories_)
            self.known = dict(zip(self.columns.tolist(), known, strict=False))

    def split(self, feature: int, left_codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The codes that go left and those that go right."""
        goes_left = left_codes[: len(self.known[int(self.columns[feature])])]
        return np.flatnonzero(goes_left), np.flatnonzero(~goes_left)


def _without_missing(categories: np.ndarray) -> np.ndarray:
    present = [value is not None and value == value for value in categories.tolist()]
    return np.asarray(categories[np.array(present, dtype=bool)])


def _doubles(graph: Graph, categories: _Categories) -> str:
    """All columns as double, those of categories as codes.

    The trees cannot look the categories up themselves: ONNX Runtime cuts a number to an integer
    before it looks for it in a large set.
    """
    if not categories.known:
        return graph.matrix(TensorProto.DOUBLE)

    parts = []
    for number, column in enumerate(graph.columns()):
        if number in categories.known:
            column = _codes(graph, column, categories.known[number])

        parts.append(graph.as_kind(column, TensorProto.DOUBLE))

    return graph.joined(parts)


def _codes(graph: Graph, column: GraphValue, known: np.ndarray) -> GraphValue:
    """The codes of a column of categories; an infinite number is refused as its encoder does."""
    if column.kind == TensorProto.DOUBLE:
        finite = inputs.without_infinity(graph, column.name, True, np.float64)
        column = replace(column, name=finite)

    codes = looked_up(graph, column, known, np.arange(float(len(known))), UNKNOWN)
    return GraphValue(codes, TensorProto.DOUBLE, 1)


def _tree(predictor: Any, categories: _Categories) -> Trees:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"] != 0
    tree = one_tree(
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"],
        value=nodes["value"],
    )
    by_category = np.flatnonzero((nodes["is_categorical"] != 0) & ~is_leaf)
    if len(by_category):
        tree = _with_sets(tree, predictor, by_category, categories)

    return tree.with_features(categories.columns)


def _with_sets(
    tree: Trees, predictor: Any, by_category: np.ndarray, categories: _Categories
) -> Trees:
    """The tree whose splits by category are splits by a set of values.

    An unknown value and a null go where the split sends missing values: that is the side which the
    set does not name, so a split that sends them left has its branches exchanged.
    """
    nodes = predictor.nodes
    left, right = tree.left.copy(), tree.right.copy()
    mode, threshold = tree.mode.copy(), tree.threshold.copy()
    missing_left, members = tree.missing_left.copy(), {}
    for node in by_category.tolist():
        bits = _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        named, others = categories.split(int(nodes["feature_idx"][node]), bits)
        if missing_left[node]:
            named = others
            left[node], right[node] = right[node], left[node]

        missing_left[node] = False
        # An operator takes no empty set; nothing is less than -inf.
        mode[node] = MEMBER if len(named) else LESS
        threshold[node] = 0.0 if len(named) else -np.inf
        if len(named):
            members[node] = named

    return replace(
        tree,
        left=left,
        right=right,
        mode=mode,
        threshold=threshold,
        missing_left=missing_left,
        members=members,
    )


def _bits(words: np.ndarray) -> np.ndarray:
    """The bits of 32-bit words, the lowest first."""
    return ((words[:, None] >> np.arange(BITS, dtype=np.uint32)) & 1).astype(bool).ravel()
