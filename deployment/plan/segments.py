"""For whom answers change: the groups of rows whose share of changed ones differs most from that of
all. Pure.

A group is a value of a column, or a quarter of a column of numbers. Groups are ranked by how
surprising their share is for their size, so that three odd rows do not push out three thousand."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

TOP = 5
SMALLEST = 5
FEW_VALUES = 8


@dataclass(frozen=True)
class Group:
    """Rows of one kind. share: of them that changed; mean_distance: between the two numbers, 0
    where there are none.
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
    found: list[tuple[float, Group]] = []
    overall = _Overall(changed, distances)
    for column in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(column) for row in rows]
        members = _members(values)
        for value, places in members.items():
            if SMALLEST <= len(places) < len(rows):
                found.append(overall.weighed(column, value, places))

    ranked = sorted((each for each in found if each[0] > 0), key=lambda each: -each[0])
    return [group for _, group in ranked[:top]]


class _Overall:
    """All rows, which a group is measured against."""

    def __init__(self, changed: Sequence[bool], distances: Sequence[float | None]) -> None:
        self.changed, self.distances = changed, distances
        numbers = [each for each in distances if each is not None]
        self.share = sum(changed) / len(changed) if changed else 0.0
        self.mean, self.spread = (fmean(numbers), pstdev(numbers)) if numbers else (0.0, 0.0)

    def weighed(self, column: str, value: str, places: Sequence[int]) -> tuple[float, Group]:
        """A group and how surprising it is, in standard errors; by distances where all or none of
        the rows changed.
        """
        count = sum(self.changed[place] for place in places)
        numbers = [each for place in places if (each := self.distances[place]) is not None]
        group = Group(
            column,
            value,
            len(places),
            count,
            count / len(places),
            fmean(numbers) if numbers else 0.0,
        )
        if 0 < self.share < 1:
            spread = math.sqrt(self.share * (1 - self.share))
            return abs(group.share - self.share) * math.sqrt(len(places)) / spread, group

        if not numbers or not self.spread:
            return 0.0, group

        return abs(group.mean_distance - self.mean) * math.sqrt(len(numbers)) / self.spread, group


def _members(values: Sequence[Any]) -> dict[str, list[int]]:
    """Places by group."""
    named = _namer(values)
    members: dict[str, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        members[named(value)].append(place)
    return members


def _namer(values: Sequence[Any]) -> Callable[[Any], str]:
    present = [value for value in values if value is not None]
    numbers = [
        value for value in present if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < len(present) or len(set(numbers)) <= FEW_VALUES:
        return lambda value: "null" if value is None else str(value)

    ordered = sorted(numbers)
    # Quarters that would be empty, because many rows share a value, fall together.
    cuts = sorted(
        {ordered[math.ceil(len(ordered) * share) - 1] for share in (0.25, 0.5, 0.75)}
        - {ordered[-1]}
    )
    return lambda value: "null" if value is None else _between(cuts, bisect_left(cuts, value))


def _between(cuts: Sequence[float], place: int) -> str:
    if not cuts:
        return "any"
    if place == 0:
        return f"up to {cuts[0]:g}"
    if place == len(cuts):
        return f"above {cuts[-1]:g}"

    return f"above {cuts[place - 1]:g}, up to {cuts[place]:g}"
