"""What one unit of work differs in: counts that add up to the summary of a comparison."""

from collections.abc import Iterable
from functools import partial, reduce
from itertools import chain, starmap
from operator import add, attrgetter
from typing import Any

import msgspec
import numpy as np

from batch.compare.row_changes import RowChanges
from batch.compare.segment_columns import CodedColumn
from rollout.differences.summary import WORST, Differences, RowErrors, WorstChange
from rollout.differences.surprising_groups import surprising
from rollout.differences.tally import RowTally


class ErrorTally(msgspec.Struct, frozen=True):
    """Rows that one version alone failed on. column: at fault, None if unknown."""

    version: str
    column: str | None
    rows: int
    example: str


class GroupTally(msgspec.Struct, frozen=True):
    """The rows of one group."""

    column: str
    group: str
    tally: RowTally


class UnitTally(msgspec.Struct, frozen=True):
    """Counts of rows as in Differences; written: rows that differ. worst: the furthest apart."""

    overall: RowTally = RowTally()
    flips: int = 0
    moved: int = 0
    failed_both: int = 0
    written: int = 0
    errors: list[ErrorTally] = []
    worst: list[WorstChange] = []
    groups: list[GroupTally] = []

    def __add__(self, other: "UnitTally") -> "UnitTally":
        """Both together."""
        counts = ("overall", "flips", "moved", "failed_both", "written")
        added = {name: getattr(self, name) + getattr(other, name) for name in counts}
        return UnitTally(
            **added,
            errors=_added_errors([*self.errors, *other.errors]),
            worst=furthest([*self.worst, *other.worst]),
            groups=_added_groups([*self.groups, *other.groups]),
        )

    def differences(self) -> Differences:
        """The summary of all of it."""
        errors = sorted(self.errors, key=attrgetter("rows"), reverse=True)
        groups = {(group.column, group.group): group.tally for group in self.groups}
        return Differences(
            rows=self.overall.rows,
            changed=self.overall.changed,
            flips=self.flips,
            moved=self.moved,
            failed_both=self.failed_both,
            errors=list(starmap(RowErrors, map(msgspec.structs.astuple, errors))),
            mean_distance=self.overall.mean,
            worst=self.worst,
            for_whom=surprising(self.overall, groups),
            latency=None,
        )


def tally_of(
    changes: RowChanges,
    columns: Iterable[CodedColumn],
    errors: list[ErrorTally],
    worst: list[WorstChange],
) -> UnitTally:
    """The counts of some rows."""
    return UnitTally(
        overall=_overall(changes),
        flips=int(changes.flip.sum()),
        moved=int(changes.moved.sum()),
        failed_both=int(changes.both_failed.sum()),
        written=int(changes.differs.sum()),
        errors=errors,
        worst=worst,
        groups=list(chain.from_iterable(map(partial(_groups, changes), columns))),
    )


def total(tallies: Iterable[UnitTally]) -> UnitTally:
    """All of them together."""
    return reduce(add, tallies, UnitTally())


def furthest(changes: Iterable[WorstChange]) -> list[WorstChange]:
    """The pairs that are furthest apart, the first rows first where several are equally far."""
    return sorted(changes, key=lambda change: -change.distance)[:WORST]


def _overall(changes: RowChanges) -> RowTally:
    known = changes.distance[~np.isnan(changes.distance)]
    mean = squares = 0.0
    if len(known):
        # From the first one on, so that equal distances have no spread at all.
        shifted = known - known[0]
        mean = float(known[0] + shifted.mean())
        squares = float(((shifted - shifted.mean()) ** 2).sum())

    return RowTally(len(changes.flip), int(changes.changed.sum()), len(known), mean, squares)


def _groups(changes: RowChanges, column: CodedColumn) -> list[GroupTally]:
    """The tally of each group that has rows; a group's spread is nobody's."""
    codes, size = column.codes, len(column.names)
    known = ~np.isnan(changes.distance)
    rows = np.bincount(codes, minlength=size)
    changed = np.bincount(codes[changes.changed], minlength=size)
    counted = np.bincount(codes[known], minlength=size)
    sums = np.bincount(codes[known], weights=changes.distance[known], minlength=size)
    means = sums / np.maximum(1, counted)
    made = []
    # The last one is that of values without a group.
    for code in np.flatnonzero(rows[:-1]).tolist():
        tally = RowTally(
            int(rows[code]), int(changed[code]), int(counted[code]), float(means[code])
        )
        made.append(GroupTally(column.column, column.names[code], tally))

    return made


def _added_errors(errors: Iterable[ErrorTally]) -> list[ErrorTally]:
    causes: dict[Any, ErrorTally] = {}
    for error in errors:
        cause = error.version, error.column
        known = causes.get(cause)
        rows = error.rows + (known.rows if known else 0)
        causes[cause] = msgspec.structs.replace(known or error, rows=rows)

    return list(causes.values())


def _added_groups(groups: Iterable[GroupTally]) -> list[GroupTally]:
    tallies: dict[tuple[str, str], RowTally] = {}
    for group in groups:
        key = group.column, group.group
        tallies[key] = tallies.get(key, RowTally()) + group.tally

    return [GroupTally(*key, tally) for key, tally in tallies.items()]
