"""How the values of a column make groups: a value by itself, a quarter of a column of numbers, or a
month of days.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEW_VALUES = 8
NULL = "null"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class ColumnGroups:
    """The groups of one column. kind: `values`, `months`, or `quarters` between the cuts."""

    kind: str
    cuts: tuple[float, ...] = ()

    def name(self, value: Any) -> str:
        """The group of a value."""
        if value is None:
            return NULL

        match self.kind:
            case "months":
                return str(value)[: len("2021-01")]
            case "quarters":
                return self.between(bisect_left(self.cuts, value))
            case _:
                return _text(value)

    def between(self, index: int) -> str:
        """The name of the interval that ends at the cut with this index."""
        cuts = self.cuts
        if not cuts:
            return "any"
        if index == 0:
            return f"up to {cuts[0]:g}"
        if index == len(cuts):
            return f"above {cuts[-1]:g}"

        return f"above {cuts[index - 1]:g}, up to {cuts[index]:g}"


def column_groups(values: Sequence[Any]) -> ColumnGroups:
    """The groups that suit these values; None is null."""
    present = [value for value in values if value is not None]
    numbers = list(filter(_is_number, present))
    if len(numbers) < len(present):
        return ColumnGroups("months" if _are_moments(present) else "values")

    if len(set(numbers)) <= FEW_VALUES:
        return ColumnGroups("values")

    ordered = sorted(numbers)
    quarters = [ordered[math.ceil(len(ordered) * share) - 1] for share in (0.25, 0.5, 0.75)]
    # Quarters that would be empty, because many rows share a value, become one.
    return ColumnGroups("quarters", tuple(sorted(set(quarters) - {ordered[-1]})))


def _are_moments(values: Sequence[Any]) -> bool:
    """Whether all values are days or moments, more than a few of them."""
    if not all(isinstance(value, str) and _DAY.match(value) for value in values):
        return False

    return len(set(values)) > FEW_VALUES


def _text(value: Any) -> str:
    """A value by itself, of an array how many items it has."""
    if isinstance(value, list):
        return f"{len(value)} items"

    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
