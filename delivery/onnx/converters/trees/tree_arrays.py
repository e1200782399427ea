"""Binary trees as arrays, the one form that all converters make of their model's trees."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

# How a node compares, as ai.onnx.ml's TreeEnsemble numbers it.
LESS_OR_EQUAL, LESS, MEMBER = 0, 1, 6


@dataclass(frozen=True)
class Trees:
    """All nodes of all trees one after another, each tree's root first.

    sizes: nodes of each tree. left, right: a node's children by number, -1 at a leaf. A row goes
    left where its value of the feature compares with the threshold as `mode` says, or is NaN and
    missing_left is set. value: what each leaf adds, shape [nodes, values]. members: of nodes of
    mode MEMBER by number, the values that go left.
    """

    sizes: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    mode: np.ndarray
    members: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many trees there are."""
        return len(self.sizes)

    @property
    def roots(self) -> np.ndarray:
        """The number of each tree's root."""
        return np.asarray(np.cumsum(self.sizes) - self.sizes)

    @property
    def is_leaf(self) -> np.ndarray:
        """Of each node whether it is a leaf."""
        return self.left < 0

    @property
    def tree_of_leaf(self) -> np.ndarray:
        """The number of each leaf's tree."""
        return np.asarray(np.repeat(np.arange(self.count), self.sizes)[self.is_leaf])

    def with_value(self, value: np.ndarray) -> "Trees":
        """The same trees with other values at their leaves."""
        return replace(self, value=value.reshape(len(self.feature), -1))

    def with_sets(self, mode: np.ndarray, members: dict[int, np.ndarray]) -> "Trees":
        """The same trees whose nodes compare in other ways."""
        return replace(self, mode=mode, members=members)

    def with_features(self, numbers: np.ndarray) -> "Trees":
        """The same trees on a frame where feature i is column numbers[i]."""
        return replace(self, feature=np.where(self.is_leaf, 0, numbers[self.feature]))


def one_tree(
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    missing_left: np.ndarray,
    value: np.ndarray,
) -> Trees:
    """A tree whose rows go left where they are at most the threshold."""
    is_leaf = left < 0
    return Trees(
        sizes=np.array([len(feature)]),
        feature=np.where(is_leaf, 0, feature).astype(np.int64),
        threshold=np.where(is_leaf, 0.0, threshold).astype(np.float64),
        left=np.where(is_leaf, -1, left).astype(np.int64),
        right=np.where(is_leaf, -1, right).astype(np.int64),
        missing_left=np.asarray(missing_left, dtype=bool) & ~is_leaf,
        value=np.asarray(value, dtype=np.float64).reshape(len(feature), -1),
        mode=np.full(len(feature), LESS_OR_EQUAL, dtype=np.uint8),
    )


def constant_tree(value: Sequence[float]) -> Trees:
    """A tree of one leaf, which adds the same to every row."""
    none = np.array([-1])
    return one_tree(none, none, none, none, none == 0, np.array([value]))


def joined(parts: Sequence[Trees]) -> Trees:
    """The trees of all parts, in their order."""
    sizes = np.concatenate([part.sizes for part in parts])
    lengths = np.array([len(part.feature) for part in parts])
    starts = np.cumsum(lengths) - lengths
    shift = np.repeat(starts, lengths)
    left = np.concatenate([part.left for part in parts])
    right = np.concatenate([part.right for part in parts])
    members: dict[int, np.ndarray] = {}
    for start, part in zip(starts.tolist(), parts, strict=True):
        members |= {start + node: values for node, values in part.members.items()}

    return Trees(
        sizes=sizes,
        feature=np.concatenate([part.feature for part in parts]),
        threshold=np.concatenate([part.threshold for part in parts]),
        left=np.where(left < 0, -1, left + shift),
        right=np.where(right < 0, -1, right + shift),
        missing_left=np.concatenate([part.missing_left for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        mode=np.concatenate([part.mode for part in parts]),
        members=members,
    )
