"""How two versions' predictions for the same rows differ, whole columns at a time.

By the rule of `plan --replay` (deployment/plan/replay_diff.py), which has one pair after another;
a test holds both to the same answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from batch.compare.answer_layout import OutputLayout
from batch.inputs.arrow_types import is_number


@dataclass(frozen=True)
class RowChanges:
    """Of each row whether another class or number is answered, whether a number is beyond the
    tolerance, whether one version alone or both gave an error, and how far the numbers are apart,
    NaN where that is not defined.
    """

    flip: np.ndarray
    moved: np.ndarray
    one_failed: np.ndarray
    both_failed: np.ndarray
    distance: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """Whether the user would notice."""
        return np.asarray(self.flip | self.one_failed)

    @property
    def differs(self) -> np.ndarray:
        """Whether the row is written."""
        return np.asarray(self.changed | self.moved)


@dataclass(frozen=True)
class _Compared:
    """differs: beyond the tolerance; distance: NaN where not defined."""

    differs: np.ndarray
    distance: np.ndarray


class AnswerComparer:
    """Compares the outputs of two versions."""

    def __init__(
        self,
        today: list[OutputLayout],
        tomorrow: list[OutputLayout],
        tolerance: float,
        by_largest: bool,
    ) -> None:
        self.today, self.tomorrow = today, tomorrow
        self.tolerance, self.by_largest = tolerance, by_largest

    def changes(
        self,
        today: pa.Table,
        tomorrow: pa.Table,
        today_failed: np.ndarray,
        tomorrow_failed: np.ndarray,
    ) -> RowChanges:
        """Of rows that both have answers or errors for."""
        first = self._compared(self.today[0], self.tomorrow[0], today, tomorrow)
        others = self._others_differ(today, tomorrow)
        flip, moved = first.differs, first.differs & ~np.isnan(first.distance)
        if self.by_largest and self.today[0].targets and self.tomorrow[0].targets:
            flip, moved = self._classes_flip(today, tomorrow), first.differs

        answered = ~(today_failed | tomorrow_failed)
        return RowChanges(
            flip & answered,
            (moved | others) & answered,
            today_failed ^ tomorrow_failed,
            today_failed & tomorrow_failed,
            np.where(answered, first.distance, np.nan),
        )

    def _others_differ(self, today: pa.Table, tomorrow: pa.Table) -> np.ndarray:
        """Whether a further output differs."""
        ours, others = _by_name(self.today), _by_name(self.tomorrow)
        differs = np.full(len(today), ours.keys() != others.keys())
        for name in ours.keys() & others.keys():
            differs |= self._compared(ours[name], others[name], today, tomorrow).differs

        return differs

    def _compared(
        self, ours: OutputLayout, others: OutputLayout, today: pa.Table, tomorrow: pa.Table
    ) -> _Compared:
        rows = len(today)
        if ours.columns != others.columns or ours.targets != others.targets:
            return _Compared(np.ones(rows, dtype=bool), np.full(rows, np.nan))

        differs, distance = np.zeros(rows, dtype=bool), np.zeros(rows)
        for name in ours.columns:
            column = self._values(today[name], tomorrow[name])
            differs |= column.differs
            # Undefined in one column, it is undefined for the row.
            distance = np.maximum(distance, column.distance)

        return _Compared(differs, distance)

    def _values(self, today: pa.ChunkedArray, tomorrow: pa.ChunkedArray) -> _Compared:
        undefined = np.full(len(today), np.nan)
        if is_number(today.type) and is_number(tomorrow.type):
            return self._numbers(today, tomorrow)

        if today.type != tomorrow.type:
            return _Compared(np.ones(len(today), dtype=bool), undefined)

        unequal = pc.not_equal(today, tomorrow)
        # Null is an error, or the same null on both sides.
        nulls = pc.xor(pc.is_null(today), pc.is_null(tomorrow))
        return _Compared(_numpy(pc.coalesce(unequal, nulls)), undefined)

    def _numbers(self, today: pa.ChunkedArray, tomorrow: pa.ChunkedArray) -> _Compared:
        if kinds.is_integer(today.type) and kinds.is_integer(tomorrow.type):
            ours, others = _numpy(pc.fill_null(today, 0)), _numpy(pc.fill_null(tomorrow, 0))
            # As floats, since their difference may be beyond 64 bits.
            distance = np.abs(ours.astype(np.float64) - others.astype(np.float64))
            return _Compared(ours != others, distance)

        ours, others = _floats(today), _floats(tomorrow)
        distance = np.abs(ours - others)
        size = distance / np.maximum(1.0, np.abs(ours))
        return _Compared(~(size <= self.tolerance), distance)

    def _classes_flip(self, today: pa.Table, tomorrow: pa.Table) -> np.ndarray:
        """Whether the largest stands elsewhere, of several targets for one of them."""
        ours, others = self.today[0], self.tomorrow[0]
        rows = len(today)
        if ours.columns != others.columns or ours.targets != others.targets:
            return np.ones(rows, dtype=bool)

        flips = np.zeros(rows, dtype=bool)
        for target in ours.targets:
            names = ours.columns[target]
            flips |= _largest_at(today, names) != _largest_at(tomorrow, names)

        return flips


def _by_name(layouts: list[OutputLayout]) -> Mapping[str, OutputLayout]:
    return {layout.name: layout for layout in layouts[1:]}


def _largest_at(table: pa.Table, names: list[str]) -> np.ndarray:
    """The number of the largest column a row, the first of equal ones."""
    largest = np.full(len(table), -np.inf)
    at = np.zeros(len(table), dtype=np.int32)
    for number, name in enumerate(names):
        values = _floats(table[name])
        larger = values > largest
        largest[larger] = values[larger]
        at[larger] = number

    return at


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """With NaN for null."""
    return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _numpy(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy())
