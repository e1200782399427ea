"""Reads the text in which LightGBM saves a model: one line a field, a block of them a tree."""

import json
from functools import cached_property

import numpy as np

from delivery.onnx.graph import NotConvertible

BITS = 32


class SavedTree:
    """One tree: its splits, and the values of its leaves.

    left, right: numbers of the splits below, or -1 - the number of a leaf.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        if fields.get("is_linear", "0") != "0":
            raise NotConvertible("LightGBM with linear_tree has no form: leave it out")

        self.leaf_value = _numbers(fields["leaf_value"])
        self.feature = _numbers(fields.get("split_feature", "")).astype(np.int64)
        self.threshold = _numbers(fields.get("threshold", ""))
        self.decision = _numbers(fields.get("decision_type", "")).astype(np.int64)
        self.left = _numbers(fields.get("left_child", "")).astype(np.int64)
        self.right = _numbers(fields.get("right_child", "")).astype(np.int64)
        self._boundaries = _numbers(fields.get("cat_boundaries", "")).astype(np.int64)
        self._words = _numbers(fields.get("cat_threshold", "")).astype(np.uint32)

    def categories(self, number: int) -> np.ndarray:
        """The categories of a set, which go left."""
        words = self._words[self._boundaries[number] : self._boundaries[number + 1]]
        bits = (words[:, None] >> np.arange(BITS, dtype=np.uint32)) & 1
        return np.flatnonzero(bits.ravel())


class SavedModel:
    """All trees, and what becomes of their sum.

    sums: how many sums there are; tree i adds to sum i modulo sums.
    """

    def __init__(self, text: str) -> None:
        body, _, end = text.partition("end of trees")
        head, *blocks = body.split("\nTree=")
        self._head = _fields(head)
        self.trees = [SavedTree(_fields(block)) for block in blocks]
        self.sums = int(self._head["num_tree_per_iteration"])
        self.is_average = any(line.strip() == "average_output" for line in head.splitlines())
        self.objective, *self._parameters = self._head.get("objective", "custom").split()
        self._end = end

    @property
    def is_square_root(self) -> bool:
        """Whether it was fitted on square roots."""
        return "sqrt" in self._parameters

    def parameter(self, name: str, default: float) -> float:
        """A parameter of the objective."""
        for parameter in self._parameters:
            key, _, value = parameter.partition(":")
            if key == name:
                return float(value)

        return default

    @cached_property
    def pandas_categories(self) -> list[list[object]]:
        """The categories of each column of that type in pandas, in the order of their codes."""
        for line in self._end.splitlines():
            key, _, value = line.partition(":")
            if key == "pandas_categorical":
                return json.loads(value) or []

        return []


def _fields(block: str) -> dict[str, str]:
    fields = {}
    for line in block.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            fields[key] = value

    return fields


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)
