"""Reads the trees of scikit-learn's tree models."""

from collections.abc import Sequence
from typing import Any

from delivery.onnx.converters.trees.tree_arrays import Trees, joined, one_tree


def trees_of(estimators: Sequence[Any]) -> Trees:
    """The trees of fitted tree estimators; a leaf's values are all outputs' one after another."""
    return joined([tree_of(estimator) for estimator in estimators])


def tree_of(estimator: Any) -> Trees:
    """The tree of one fitted tree estimator."""
    tree = estimator.tree_
    return one_tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left != 0,
        value=tree.value.reshape(tree.node_count, -1),
    )
