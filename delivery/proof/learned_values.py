"""Finds what a fitted pipeline learned: thresholds of trees, edges of bins, words of vocabularies.

Its parts are visited as plain objects; kinds that are not known here are skipped.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

MOST_PARTS = 20_000
_NOT_VISITED = ("builtins", "numpy", "pandas", "scipy")


def thresholds_of(pipeline: Any) -> np.ndarray:
    """All finite thresholds of trees and edges of bins, sorted, without repetition."""
    arrays = [np.empty(0)]
    for part in parts_of(pipeline):
        for edges in _edges(part):
            arrays.append(np.asarray(edges, dtype=np.float64).ravel())

    thresholds = np.unique(np.concatenate(arrays))
    return thresholds[np.isfinite(thresholds)]


def vocabulary_of(pipeline: Any) -> set[str]:
    """All words of vectorizers."""
    words: set[str] = set()
    for part in parts_of(pipeline):
        vocabulary = getattr(part, "vocabulary_", None)
        if isinstance(vocabulary, Mapping):
            words.update(word for word in vocabulary if isinstance(word, str))

    return words


def _edges(part: Any) -> Iterator[Any]:
    tree = getattr(part, "tree_", None)
    if tree is not None and hasattr(tree, "threshold") and hasattr(tree, "children_left"):
        yield tree.threshold[tree.children_left >= 0]

    nodes = getattr(part, "nodes", None)
    if isinstance(nodes, np.ndarray) and nodes.dtype.names and "num_threshold" in nodes.dtype.names:
        yield nodes["num_threshold"][nodes["is_leaf"] == 0]

    bins = getattr(part, "bin_edges_", None)
    if isinstance(bins, list | np.ndarray):
        yield from bins


def parts_of(pipeline: Any) -> Iterator[Any]:
    """The pipeline, every estimator in it and every object that one holds, each once."""
    waiting: list[Any] = [pipeline]
    seen: set[int] = set()
    while waiting and len(seen) < MOST_PARTS:
        part = waiting.pop()
        if id(part) in seen:
            continue

        seen.add(id(part))
        if isinstance(part, list | tuple):
            waiting += filter(_may_hold, part)
        elif isinstance(part, np.ndarray):
            waiting += filter(_may_hold, part.ravel().tolist())
        elif isinstance(part, dict):
            waiting += filter(_may_hold, part.values())
        elif type(part).__module__.partition(".")[0] not in _NOT_VISITED:
            yield part
            waiting += filter(_may_hold, getattr(part, "__dict__", {}).values())


def _may_hold(value: Any) -> bool:
    """Whether a value may be or hold an estimator."""
    if isinstance(value, np.ndarray):
        return bool(value.dtype == object)

    return not isinstance(value, str | bytes | int | float | bool | type | None)
