"""The groups of rows whose share of changed answers differs most from that of all rows.

Groups are ranked by how surprising their share is for their size, so that three odd rows do not
outrank three thousand.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, methodcaller
from typing import Any

from rollout.differences.column_groups import column_groups
from rollout.differences.tally import RowTally, tally

TOP = 5
SMALLEST = 5
# A spread that is smaller than this part of the mean is what rounding leaves of none.
ROUNDING = 1e-12
DIGITS = 9
Tallies = Mapping[tuple[str, str], RowTally]
"""By column and group."""


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
    changes = list(zip(changed, distances, strict=True))
    tallies: dict[tuple[str, str], RowTally] = {}
    for column in _columns(rows):
        values = list(map(methodcaller("get", column), rows))
        grouping = column_groups(values)
        members: dict[str, list[tuple[bool, float | None]]] = defaultdict(list)
        for value, change in zip(values, changes, strict=True):
            members[grouping.name(value)].append(change)

        tallies |= {(column, name): tally(group) for name, group in members.items()}

    return surprising(tally(changes), tallies, top)


def surprising(overall: RowTally, tallies: Tallies, top: int = TOP) -> list[Group]:
    """The same of tallies. overall: of all rows."""
    ranked: list[tuple[float, Group]] = []
    for (column, value), group in tallies.items():
        if SMALLEST <= group.rows < overall.rows:
            surprise = _surprise(group, overall)
            if surprise > 0:
                ranked.append((surprise, _group(column, value, group)))

    # Equal ones are told apart by their names, whatever order the rows came in.
    ranked.sort(key=lambda pair: (-round(pair[0], DIGITS), pair[1].column, pair[1].value))
    return list(map(itemgetter(1), ranked[:top]))


def _surprise(group: RowTally, overall: RowTally) -> float:
    """In standard errors; by distances where all or none of the rows changed."""
    if 0 < overall.share < 1:
        spread = math.sqrt(overall.share * (1 - overall.share))
        return abs(group.share - overall.share) * math.sqrt(group.rows) / spread

    if not group.known or overall.spread <= ROUNDING * overall.mean:
        return 0.0

    return abs(group.mean - overall.mean) * math.sqrt(group.known) / overall.spread


def _group(column: str, value: str, group: RowTally) -> Group:
    return Group(column, value, group.rows, group.changed, group.share, group.mean)


def _columns(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """The columns of all rows, each once, in their order."""
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)

    return columns
