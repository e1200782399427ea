"""Values of one name, counted in the bins of a version's training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nextafter
from typing import Any

import numpy as np

LAST_S = 253_402_300_799
"""The end of the year 9999 (epoch seconds)."""


@dataclass(frozen=True)
class CountedBins:
    """unit: what a number means, `moment` (seconds since 1970) among others; empty for itself.

    edges: of numbers, ascending; values: of what is few. counts: one a bin, the nulls last: with
    edges the first and the last but one are below and above all edges, with values the last but
    one is of all others.
    """

    name: str
    unit: str
    edges: tuple[float, ...]
    values: tuple[str | float, ...]
    counts: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    @property
    def shares(self) -> list[float]:
        """Of each bin, the nulls last."""
        return [count / max(1, self.rows) for count in self.counts]

    @property
    def unseen(self) -> int:
        """Values that are in no bin: out of the range of training, or in none of its categories."""
        if self.is_ordered:
            return self.counts[0] + self.counts[-2]

        return self.counts[-2]

    @property
    def nulls(self) -> int:
        """Nulls."""
        return self.counts[-1]

    @property
    def is_ordered(self) -> bool:
        """Whether the bins follow each other, so that a shift moves many of them a little."""
        return bool(self.edges)

    def counted(self, counts: Mapping[str, float]) -> "CountedBins":
        """The same bins with these counts, by the number of a bin."""
        filled = [int(counts.get(str(number), 0)) for number in range(len(self.counts))]
        return replace(self, counts=tuple(filled))

    def label(self, number: int) -> str:
        """What is in a bin, in words."""
        if number == len(self.counts) - 1:
            return "null"
        if not self.is_ordered:
            return str(self.values[number]) if number < len(self.values) else "new values"
        if number == 0:
            return f"below {self._shown(self.edges[0])}"
        if number == len(self.edges):
            return f"above {self._shown(self.edges[-1])}"

        low, high = self.edges[number - 1], self.edges[number]
        if high == nextafter(low, inf):
            return self._shown(low)

        return f"{self._shown(low)} to {self._shown(high)}"

    def _shown(self, edge: float) -> str:
        if self.unit != "moment":
            return f"{edge:.4g}"

        if not abs(edge) <= LAST_S:
            return f"{edge:.4g} s"

        return str(np.datetime64(int(edge), "s"))[:16].replace("T", " ")


def counted_bins(body: Mapping[str, Any]) -> CountedBins:
    """Of the JSON that a version tells; raises KeyError, TypeError or ValueError."""
    edges = tuple(map(float, body.get("edges", ())))
    values: Sequence[Any] = body.get("values", ())
    counts = (*map(int, body.get("counts", ())), int(body.get("nulls", 0)))
    bins = len(edges) + 1 if edges else len(values) + 1
    if len(counts) != bins + 1:
        raise ValueError(f"{body['name']!r} has {len(counts)} counts for {bins} bins")

    return CountedBins(str(body["name"]), str(body.get("unit", "")), edges, tuple(values), counts)
