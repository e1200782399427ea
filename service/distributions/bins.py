"""Bins and how many values are in each: bounded, and added up from parts in any order."""

from collections import Counter
from operator import add

import msgspec
import numpy as np

from wire.distributions import Bins

BINS = 20
FEW_VALUES = 20
"""So many different numbers have a bin each."""
MOST_VALUES = 100
TAIL = 0.01
# Beyond it most values would be in one of the bins of equal width.
FULLEST = 0.5


class Distribution(Bins, frozen=True, omit_defaults=True):
    """Values of one name, counted."""

    @property
    def rows(self) -> int:
        """How many values were counted."""
        return sum(self.counts) + self.nulls

    @property
    def shares(self) -> list[float]:
        """Of each bin, the nulls last."""
        return [count / max(1, self.rows) for count in [*self.counts, self.nulls]]

    @property
    def unseen(self) -> int:
        """Values that are in no bin: beyond the edges, or none of the values."""
        if self.edges:
            return self.counts[0] + self.counts[-1]

        return self.counts[-1]

    def empty(self) -> "Distribution":
        """The same bins with nothing in them."""
        return msgspec.structs.replace(self, counts=[0] * len(self.counts), nulls=0)

    def counted(self, values: np.ndarray) -> "Distribution":
        """An array's values in these bins: floats with NaN for null, or texts with None."""
        if self.edges:
            counts, nulls = self._in_edges(values)
        else:
            counts, nulls = self._in_values(values)

        return msgspec.structs.replace(self, counts=counts, nulls=nulls)

    def __add__(self, other: "Distribution") -> "Distribution":
        """Both together; they have the same bins."""
        counts = list(map(add, self.counts, other.counts))
        return msgspec.structs.replace(self, counts=counts, nulls=self.nulls + other.nulls)

    def _in_edges(self, values: np.ndarray) -> tuple[list[int], int]:
        present = values[~np.isnan(values)]
        edges = np.asarray(self.edges)
        bins = len(edges) - 1
        numbers = np.searchsorted(edges[1:-1], present, side="right") + 1
        numbers[present < edges[0]] = 0
        numbers[present > edges[-1]] = bins + 1
        counts = np.bincount(numbers, minlength=bins + 2).tolist()
        return counts, len(values) - len(present)

    def _in_values(self, values: np.ndarray) -> tuple[list[int], int]:
        if values.dtype.kind == "f":
            nulls_of = np.isnan(values)
            values = values.astype(object)
            values[nulls_of] = None

        seen = Counter(values.tolist())
        nulls = seen.pop(None, 0)
        counts = [seen.pop(value, 0) for value in self.values]
        return [*counts, sum(seen.values())], nulls


def of_texts(name: str, texts: np.ndarray, known: list[str] | None = None) -> Distribution | None:
    """A bin for each text, or for each of those known; None where they are too many."""
    values = sorted(set(texts.tolist()) - {None}) if known is None else known
    if len(values) > MOST_VALUES:
        return None

    return _filled(Distribution(name, values=list(values), counts=[0] * (len(values) + 1)), texts)


def of_numbers(
    name: str,
    numbers: np.ndarray,
    unit: str = "",
    least: float | None = None,
    most: float | None = None,
) -> Distribution:
    """Bins that suit the numbers, floats with NaN for null. least, most: of all that were seen."""
    present = np.unique(numbers[~np.isnan(numbers)])
    if len(present) <= FEW_VALUES:
        values: list[str | float] = present.tolist()
        empty = Distribution(name, unit, values=values, counts=[0] * (len(values) + 1))
        return _filled(empty, numbers)

    ends = [present[0], present[-1]]
    if least is not None and most is not None:
        ends = [min(least, ends[0]), max(most, ends[1])]

    edges = _edges(numbers[~np.isnan(numbers)], *map(float, ends))
    return _filled(Distribution(name, unit, edges=edges, counts=[0] * (len(edges) + 1)), numbers)


def _filled(empty: Distribution, values: np.ndarray) -> Distribution:
    return empty.counted(values)


def _edges(numbers: np.ndarray, least: float, most: float) -> list[float]:
    """Of equal width between the tails; where most would be in one bin, of equal counts, and the
    most frequent number by itself.
    """
    low, high = np.quantile(numbers, [TAIL, 1 - TAIL])
    if low < high:
        inner = _equal_widths(numbers, float(low), float(high))
        counts, _ = np.histogram(numbers, [-np.inf, *inner, np.inf])
        if counts.max() <= FULLEST * len(numbers):
            return _between(inner, least, most)

    values, counts = np.unique(numbers, return_counts=True)
    frequent = float(values[counts.argmax()])
    others = numbers[numbers != frequent]
    inner = np.quantile(others, np.linspace(0, 1, BINS // 2 + 1)).tolist()
    return _between([*inner, frequent, float(np.nextafter(frequent, np.inf))], least, most)


def _equal_widths(numbers: np.ndarray, low: float, high: float) -> list[float]:
    if np.any(numbers != np.floor(numbers)):
        spread: list[float] = np.linspace(low, high, BINS + 1)[1:-1].tolist()
        return spread

    # So that as many whole numbers are in one bin as in another.
    width = max(1.0, np.ceil((high - low + 1) / BINS))
    edges: list[float] = np.arange(np.floor(low) + width, high, width).tolist()
    return edges


def _between(edges: list[float], least: float, most: float) -> list[float]:
    inner = sorted({edge for edge in edges if least < edge < most})
    return [least, *inner, most]
