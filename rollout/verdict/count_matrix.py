"""Counts by name as one array, so that a question about many of them is one product instead of a
loop.

Counts have the shape (..., names); leading axes are carried along.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

Array = Any
Count = Any
"""A whole number; the simulation hands in arrays of them, one entry a look."""
ByKind = Mapping[str, Mapping[str, Count]]


@dataclass(frozen=True)
class CountMatrix:
    """cells: counts (..., names)."""

    names: Sequence[str]
    cells: Array

    @cached_property
    def numbers(self) -> Array:
        """The names, where they are those of numbered bins."""
        return np.array(list(map(int, self.names)), int)

    def parted(self, bad: Collection[str], good: Collection[str] | None = None) -> Array:
        """Counts (..., 2) of the good and the bad; good: all others where none are named."""
        wrong = np.array(list(map(bad.__contains__, self.names)), bool)
        right = ~wrong
        if good is not None:
            right = np.array(list(map(good.__contains__, self.names)), bool)

        return self.cells @ np.array([right, wrong], float).T

    def above(self, edges: Array) -> Array:
        """Counts (..., 2) of the bins before an edge and of those from it on; edges: one, or one a
        row of cells.
        """
        high = self.numbers >= np.asarray(edges)[..., None]
        below = np.einsum("...n,...n->...", self.cells, (~high).astype(float))
        above = np.einsum("...n,...n->...", self.cells, high.astype(float))
        return np.stack([below, above], -1)

    def levels(self, levels: range) -> Array:
        """Counts (..., levels) of these bins."""
        return self.cells @ (self.numbers[:, None] == np.array(levels)).astype(float)


class CountsSinceMarks(Mapping[str, Count]):
    """Counts of one kind of a tally, then what came of them since each mark: arrays (1 +
    marks,).
    """

    def __init__(self, kind: str, tally: ByKind, before: Sequence[ByKind]) -> None:
        self._kind, self._tally, self._before = kind, tally, before

    def row(self, names: Sequence[str]) -> Array:
        """Counts (1 + marks, names)."""
        now = np.array(_values(self._tally, self._kind, names), float)
        before = [[0] * len(names)]
        for tally in self._before:
            before.append(_values(tally, self._kind, names))

        # A count that is behind its mark belongs to a worker whose newest counts are not in yet:
        # nothing came since.
        return np.maximum(now - np.array(before), 0)

    def __getitem__(self, name: str) -> Count:
        if name not in self._tally[self._kind]:
            raise KeyError(name)
        return self.row([name])[:, 0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tally[self._kind])

    def __len__(self) -> int:
        return len(self._tally[self._kind])


def counts_of(rows: Sequence[Mapping[str, Count]]) -> tuple[list[str], Array]:
    """All names, and counts (rows, ..., names), 0 where a row has none of a name."""
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    if not rows:
        return names, np.zeros((0, 0))

    cells = np.broadcast_arrays(*(_cells(row, names) for row in rows))
    return names, np.array(cells)


def _cells(row: Mapping[str, Count], names: Sequence[str]) -> Array:
    if isinstance(row, CountsSinceMarks):
        return row.row(names)

    counts = [row.get(name, 0) for name in names]
    try:
        return np.moveaxis(np.array(counts, float), 0, -1)
    except ValueError:
        # Some are whole numbers, as of a name that is missing, and some are arrays of them.
        return np.stack(np.broadcast_arrays(*counts), -1).astype(float)


def _values(tally: ByKind, kind: str, names: Sequence[str]) -> list[Count]:
    counts = tally.get(kind)
    if counts:
        return [counts.get(name, 0) for name in names]
    return [0] * len(names)
