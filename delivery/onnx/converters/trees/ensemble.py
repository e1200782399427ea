"""Writes trees as the operator TreeEnsemble of ai.onnx.ml.

ONNX Runtime adds the leaves up from zero in the order of the trees, in the operator's own type.
scikit-learn does the same in double, so the sums are equal to the last bit, and so are their ties.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from delivery.onnx.converters.trees.tree_arrays import MEMBER, Trees
from delivery.onnx.graph import Graph, NotConvertible
from delivery.onnx.passes.ml_opset import ML

SUM = 1
# Larger integers are not exact in a number of 32 bits.
EXACT_IN_FLOAT = 2**24
# The larger ones take gigabytes and minutes at delivery and at a version's start.
MOST_NODES = 6_000_000


def sums(
    graph: Graph,
    rows: str,
    trees: Trees,
    targets: np.ndarray | None = None,
    dtype: type[np.floating] = np.float64,
) -> str:
    """What the leaves add up to, shape [n, targets].

    dtype: of the rows, the thresholds and the sums. targets: which sum each tree's leaves add to,
    one for all where None. The leaves have one value each.
    """
    if targets is None:
        targets = np.zeros(trees.count, dtype=np.int64)

    weights = trees.value[trees.is_leaf, 0]
    attributes = _attributes(graph, trees, weights, trees.threshold, np.asarray(targets), dtype)
    return graph.add("TreeEnsemble", rows, domain=ML, **attributes)


def vector_sums(graph: Graph, floats: str, trees: Trees) -> str:
    """What the leaves' vectors add up to, in double, shape [n, values].

    floats: the rows in 32 bits. TreeEnsemble knows leaves of one value: it answers which vector
    each tree chose, and the vectors are added up after it.
    """
    vectors, number = _distinct(trees.value[trees.is_leaf])
    leaves = chosen_leaves(graph, floats, trees, number)
    chosen = graph.add("Gather", graph.constant(vectors), leaves)
    # Over the first axis: the only one that is added up row by row, which is tree by tree.
    return graph.add("ReduceSum", chosen, graph.constant(np.array([0])), keepdims=0)


def chosen_leaves(graph: Graph, floats: str, trees: Trees, number: np.ndarray) -> str:
    """The number of the leaf that each tree chose, shape [trees, n].

    number: of each leaf, from 0.
    """
    dtype = np.float32 if number.max(initial=0) < EXACT_IN_FLOAT else np.float64
    rows, thresholds = floats, rounded_down(trees.threshold)
    if dtype == np.float64:
        rows, thresholds = graph.cast(floats, TensorProto.DOUBLE), trees.threshold

    targets = np.arange(trees.count)
    attributes = _attributes(graph, trees, number, thresholds, targets, dtype)
    answer = graph.add("TreeEnsemble", rows, domain=ML, **attributes)
    return graph.add("Transpose", graph.cast(answer, TensorProto.INT64), perm=[1, 0])


def leaf_values(graph: Graph, doubles: str, trees: Trees) -> str:
    """The value of the leaf that each tree chose, in double, shape [n, trees]."""
    return sums(graph, doubles, trees, np.arange(trees.count))


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """The largest numbers of 32 bits that are at most the thresholds.

    For every x of 32 bits, x <= threshold and x <= rounded_down(threshold) are the same.
    """
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, and the number of each row among them."""
    rows = np.ascontiguousarray(rows)
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, number = np.unique(as_bytes, return_index=True, return_inverse=True)
    return rows[first], number.ravel()


def _attributes(
    graph: Graph,
    trees: Trees,
    weights: np.ndarray,
    splits: np.ndarray,
    targets: np.ndarray,
    dtype: Any,
) -> dict[str, Any]:
    """Of the operator; weights: one a leaf. targets: one a tree."""
    if len(trees.feature) > MOST_NODES:
        raise NotConvertible(
            f"{graph.step} has {len(trees.feature):,} nodes in its trees, and an ONNX form may "
            f"have {MOST_NODES:,}: limit their depth, their leaves or their number"
        )

    leaf = trees.is_leaf
    # A child is numbered among the leaves or among the other nodes.
    number = np.where(leaf, np.cumsum(leaf), np.cumsum(~leaf)) - 1
    left, right = trees.left[~leaf], trees.right[~leaf]
    lone = trees.roots[leaf[trees.roots]]
    lone_leaf, none = number[lone], np.zeros(len(lone), dtype=np.int64)
    roots = number[trees.roots]
    # A tree of one leaf needs a node above it, both of whose branches are that leaf.
    roots[leaf[trees.roots]] = len(left) + np.arange(len(lone))
    attributes: dict[str, Any] = {
        "aggregate_function": SUM,
        "n_targets": int(targets.max()) + 1,
        "tree_roots": roots.tolist(),
        "nodes_featureids": np.append(trees.feature[~leaf], none).tolist(),
        "nodes_splits": _tensor(np.append(splits[~leaf], none), dtype),
        "nodes_modes": _tensor(np.append(trees.mode[~leaf], none), np.uint8),
        "nodes_truenodeids": np.append(number[left], lone_leaf).tolist(),
        "nodes_falsenodeids": np.append(number[right], lone_leaf).tolist(),
        "nodes_trueleafs": np.append(leaf[left], none + 1).tolist(),
        "nodes_falseleafs": np.append(leaf[right], none + 1).tolist(),
        "leaf_weights": _tensor(weights, dtype),
        "leaf_targetids": targets[trees.tree_of_leaf].tolist(),
    }
    if trees.missing_left.any():
        missing = np.append(trees.missing_left[~leaf], none).astype(np.int64)
        attributes["nodes_missing_value_tracks_true"] = missing.tolist()

    if trees.members:
        attributes["membership_values"] = _tensor(_members(trees), dtype)

    return attributes


def _members(trees: Trees) -> np.ndarray:
    """The sets of all nodes that have one, in the order of the nodes, each ended by NaN."""
    parts: list[np.ndarray] = []
    for node in np.flatnonzero(trees.mode == MEMBER).tolist():
        parts += [trees.members[node], np.array([np.nan])]

    return np.concatenate(parts)


def _tensor(values: np.ndarray, dtype: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values).astype(dtype))
