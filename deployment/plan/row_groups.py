"""The groups of rows whose share of changed answers differs most from that of all rows. Pure.

A group is a value of a column, a quarter of a column of numbers, or a month of days. Groups are
ranked by how surprising their share is for their size, so that three odd rows do not outrank three
thousand."""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

TOP = 5
SMALLEST = 5
FEW_VALUES = 8
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Group:
    """Rows of one kind. share: of its rows that changed; mean_distance: between the two numbers, 0
    without any.
    """

    column: str
    value: str
    rows: int
    changed: int
    share: float
    mean_distance: float


def groups(
    rows: Sequence[dict[str, Any]],
    changed: Sequence[bool],
    distances: Sequence[float | None],
    top: int = TOP,
) -> list[Group]:
    """The `top` most surprising groups of at least five rows; none where all rows fared alike."""
    overall = _Overall(changed, distances)
    surprising: list[tuple[float, Group]] = []
    for column in _columns(rows):
        for value, members in _members([row.get(column) for row in rows]).items():
            if SMALLEST <= len(members) < len(rows):
                surprise, group = overall.weighed(column, value, members)
                if surprise > 0:
                    surprising.append((surprise, group))

    surprising.sort(key=lambda pair: -pair[0])
    return [group for _, group in surprising[:top]]


def _columns(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """The columns of all rows, each once, in their order."""
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)

    return columns


class _Overall:
    """All rows, which a group is compared with."""

    def __init__(self, changed: Sequence[bool], distances: Sequence[float | None]) -> None:
        self.changed, self.distances = changed, distances
        self.share = sum(changed) / max(1, len(changed))
        known = known_numbers(distances)
        self.mean, self.spread = 0.0, 0.0
        if known:
            self.mean, self.spread = fmean(known), pstdev(known)

    def weighed(self, column: str, value: str, members: Sequence[int]) -> tuple[float, Group]:
        """A group and how surprising it is, in standard errors.

        By distances where all or none of the rows changed. members: indices of its rows."""
        known = known_numbers(map(self.distances.__getitem__, members))
        changed = sum(map(self.changed.__getitem__, members))
        mean = fmean(known) if known else 0.0
        group = Group(column, value, len(members), changed, changed / len(members), mean)
        if 0 < self.share < 1:
            spread = math.sqrt(self.share * (1 - self.share))
            return abs(group.share - self.share) * math.sqrt(len(members)) / spread, group

        if not known or not self.spread:
            return 0.0, group

        return abs(mean - self.mean) * math.sqrt(len(known)) / self.spread, group


def known_numbers(distances: Iterable[float | None]) -> list[float]:
    """Those that are not None."""
    return [distance for distance in distances if distance is not None]


def _members(values: Sequence[Any]) -> dict[str, list[int]]:
    """Indices by group."""
    name_of = _namer(values)
    members: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        group = "null" if value is None else name_of(value)
        members[group].append(index)

    return members


def _namer(values: Sequence[Any]) -> Callable[[Any], str]:
    """A function from a value that is not null to its group's name."""
    present = [value for value in values if value is not None]
    numbers = list(filter(_is_number, present))
    if len(numbers) < len(present):
        return _month if _are_moments(present) else _text

    if len(set(numbers)) <= FEW_VALUES:
        return str

    ordered = sorted(numbers)
    quarters = [ordered[math.ceil(len(ordered) * share) - 1] for share in (0.25, 0.5, 0.75)]
    # Quarters that would be empty, because many rows share a value, become one.
    cuts = sorted(set(quarters) - {ordered[-1]})
    return lambda value: _between(cuts, bisect_left(cuts, value))


def _are_moments(values: Sequence[Any]) -> bool:
    """Whether all values are days or moments, more than a few of them."""
    if not all(isinstance(value, str) and _DAY.match(value) for value in values):
        return False

    return len(set(values)) > FEW_VALUES


def _month(value: str) -> str:
    return value[: len("2021-01")]


def _text(value: Any) -> str:
    """A value by itself, of an array how many items it has."""
    if isinstance(value, list):
        return f"{len(value)} items"

    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(cuts: Sequence[float], index: int) -> str:
    """The name of the interval that ends at the cut with this index."""
    if not cuts:
        return "any"
    if index == 0:
        return f"up to {cuts[0]:g}"
    if index == len(cuts):
        return f"above {cuts[-1]:g}"

    return f"above {cuts[index - 1]:g}, up to {cuts[index]:g}"
