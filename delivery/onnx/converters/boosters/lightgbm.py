"""LightGBM: thresholds on doubles, three kinds of missing values, and sets of categories."""

from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.boosters.lightgbm_text import SavedModel, SavedTree
from delivery.onnx.converters.scores import ClassScores
from delivery.onnx.converters.trees.ensemble import sums
from delivery.onnx.converters.trees.tree_arrays import MEMBER, Trees, joined, one_tree
from delivery.onnx.graph import Graph, GraphValue, NotConvertible
from delivery.onnx.lookup import looked_up

# What the bits of a split's decision type mean.
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
NO_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2
SAME = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
LOGARITHMIC = {"poisson", "gamma", "tweedie"}
UNKNOWN = -1.0
LARGEST_CATEGORY = 2.0**31
# LightGBM takes what is no larger for zero.
TINY = float(np.float32(1e-35))


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes and probabilities, or values."""
    graph = Graph(scope, operator, container)
    saved = SavedModel(graph.model.booster_.model_to_string())
    raw = _raw(graph, saved)
    if hasattr(graph.model, "classes_"):
        scores.output(graph, _class_scores(graph, saved, raw))
    else:
        graph.output(_values(graph, saved, raw))


def _raw(graph: Graph, saved: SavedModel) -> str:
    """What the leaves add up to, in LightGBM's order."""
    trees = joined(list(map(_tree, saved.trees)))
    targets = np.arange(trees.count) % saved.sums
    total = sums(graph, _without_tiny(graph, _doubles(graph, saved, trees)), trees, targets)
    if not saved.is_average:
        return total

    return graph.add("Div", total, graph.constant([float(trees.count // saved.sums)]))


def _class_scores(graph: Graph, saved: SavedModel, raw: str) -> ClassScores:
    """The class is the first of the largest probabilities."""
    if saved.objective in ("binary", "multiclassova"):
        scaled = graph.add("Mul", raw, graph.constant([saved.parameter("sigmoid", 1.0)]))
        probabilities = scores.expit(graph, scaled)
    elif saved.objective == "multiclass":
        probabilities = scores.softmax(graph, raw)
    else:
        raise NotConvertible(f"{graph.step} with the objective {saved.objective!r}")

    if saved.sums == 1:
        probabilities = scores.both(graph, probabilities)

    return scores.of_probabilities(graph, probabilities)


def _values(graph: Graph, saved: SavedModel, raw: str) -> str:
    if saved.objective in LOGARITHMIC:
        return scores.exp(graph, raw)
    if saved.objective in SAME and not saved.is_square_root:
        return raw

    raise NotConvertible(f"{graph.step} with the objective {saved.objective!r}")


def _tree(saved: SavedTree) -> Trees:
    """Splits first, then leaves."""
    splits, leaves = len(saved.feature), len(saved.leaf_value)
    none = np.zeros(leaves)
    decision = saved.decision
    is_set = decision & CATEGORICAL != 0
    tree = one_tree(
        feature=np.append(saved.feature, none),
        threshold=np.append(saved.threshold, none),
        left=np.append(_number(saved.left, splits), none - 1),
        right=np.append(_number(saved.right, splits), none - 1),
        missing_left=np.append(_missing_left(saved) & ~is_set, none > 0),
        value=np.append(np.zeros(splits), saved.leaf_value),
    )
    mode, members = tree.mode.copy(), {}
    for split in np.flatnonzero(is_set).tolist():
        mode[split] = MEMBER
        members[split] = saved.categories(int(saved.threshold[split]))

    return tree.with_sets(mode, members)


def _number(children: np.ndarray, splits: int) -> np.ndarray:
    """A child that is a leaf is saved as -1, -2, ..."""
    return np.where(children < 0, splits - 1 - children, children)


def _missing_left(saved: SavedTree) -> np.ndarray:
    """Whether NaN goes left: where the split says so, or else as zero does."""
    kind = (saved.decision >> MISSING_SHIFT) & 3
    is_number = saved.decision & CATEGORICAL == 0
    if (is_number & (kind == ZERO_MISSING)).any():
        raise NotConvertible("LightGBM with zero_as_missing has no form: leave it out")

    by_split = saved.decision & DEFAULT_LEFT != 0
    return np.where(kind == NAN_MISSING, by_split, saved.threshold >= 0)


def _doubles(graph: Graph, saved: SavedModel, trees: Trees) -> str:
    """All columns as double; categories as whole numbers, -1 where LightGBM knows none."""
    by_set = set(np.unique(trees.feature[trees.mode == MEMBER]).tolist())
    texts = [column for column in graph.inputs() if column.kind == TensorProto.STRING]
    if len(texts) != len(saved.pandas_categories):
        raise NotConvertible(f"{graph.step} with categories of numbers in pandas columns")

    if not by_set and not texts:
        return graph.matrix(TensorProto.DOUBLE)

    categories, parts = iter(saved.pandas_categories), []
    for number, column in enumerate(graph.columns()):
        if column.kind == TensorProto.STRING:
            known = np.array(next(categories), dtype=object)
            codes = np.arange(float(len(known)))
            parts.append(looked_up(graph, column, known, codes, UNKNOWN))
        elif number in by_set:
            parts.append(_whole(graph, column))
        else:
            parts.append(graph.as_kind(column, TensorProto.DOUBLE))

    return graph.joined(parts)


def _without_tiny(graph: Graph, rows: str) -> str:
    is_tiny = graph.add("LessOrEqual", graph.add("Abs", rows), graph.constant([TINY]))
    return graph.add("Where", is_tiny, graph.constant([0.0]), rows)


def _whole(graph: Graph, column: GraphValue) -> str:
    """Cut to whole numbers, as LightGBM cuts; NaN and what no integer of 32 bits holds are -1."""
    value = graph.as_kind(column, TensorProto.DOUBLE)
    holds = graph.add("Less", graph.add("Abs", value), graph.constant([LARGEST_CATEGORY]))
    known = graph.add("Where", holds, value, graph.constant([UNKNOWN]))
    return graph.cast(graph.cast(known, TensorProto.INT64), TensorProto.DOUBLE)
