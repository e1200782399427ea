"""What a fitted pipeline learned that decides at an edge: thresholds of trees and bins, words of
vocabularies.

Its parts are walked through as plain objects; what is not known here is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

MOST_PARTS = 20_000
_NOT_WALKED = ("builtins", "numpy", "pandas", "scipy")


def thresholds_of(pipeline: Any) -> np.ndarray:
    """All finite thresholds of trees and edges of bins, sorted, each once."""
    arrays = [
        np.asarray(array, dtype=np.float64).ravel()
        for part in parts_of(pipeline)
        for array in _edges(part)
    ]
    found = np.unique(np.concatenate(arrays)) if arrays else np.empty(0)
    return found[np.isfinite(found)]


def vocabulary_of(pipeline: Any) -> set[str]:
    """All words of vectorizers."""
    found: set[str] = set()
    for part in parts_of(pipeline):
        words = getattr(part, "vocabulary_", None)
        if isinstance(words, Mapping):
            found.update(word for word in words if isinstance(word, str))

    return found


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
    """Every estimator inside, and what it holds, each once."""
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
        elif type(part).__module__.partition(".")[0] not in _NOT_WALKED:
            yield part
            waiting += filter(_may_hold, getattr(part, "__dict__", {}).values())


def _may_hold(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(value.dtype == object)
    return not isinstance(value, str | bytes | int | float | bool | type | None)
