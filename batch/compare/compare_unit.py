"""Compares one unit of work: the rows that differ into a part, and what they add up to."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
import pyarrow as pa

from batch.compare.answer_layout import OutputLayout
from batch.compare.comparison_folder import ComparisonFolder
from batch.compare.finished_run import FinishedRun, mask_of
from batch.compare.row_changes import AnswerComparer, RowChanges
from batch.compare.row_stream import RowStream
from batch.compare.segment_columns import GroupedColumn, SegmentReader, python_values
from batch.compare.unit_tally import ErrorTally, UnitTally, furthest, tally_of
from batch.errors import BatchError
from batch.inputs.work_units import WorkUnit
from batch.outputs.output_file import one_chunk
from rollout.differences.summary import WORST, WorstChange

CHUNK_ROWS = 65_536
ADDED = {"file": pa.string(), "row": pa.int64()}
WORDS = {"difference": pa.float64(), "change": pa.string(), "reason": pa.string()}
ANOTHER, BEYOND = "another answer", "beyond the tolerance"
_COLUMN = re.compile(r"column '([^']*)': ")


class ComparedRun:
    """One version's side. layouts: of its outputs."""

    def __init__(self, name: str, run: FinishedRun, layouts: list[OutputLayout]) -> None:
        self.name, self.run = name, run
        self.columns = list(chain.from_iterable(map(attrgetter("columns"), layouts)))

    def shown(self, column: str) -> str:
        """The name of a column of predictions in the output."""
        return f"{self.name}_{column}"

    def only_it_fails(self) -> str:
        """How a row is marked that only this version failed on."""
        return f"only {self.name} fails"


class UnitComparer:
    """Compares units in the order of files and rows."""

    def __init__(
        self,
        today: ComparedRun,
        tomorrow: ComparedRun,
        comparer: AnswerComparer,
        segments: list[GroupedColumn],
        reader: SegmentReader,
        folder: ComparisonFolder,
        keep: list[str],
    ) -> None:
        self.today, self.tomorrow, self.comparer = today, tomorrow, comparer
        self.segments, self.reader, self.folder, self.keep = segments, reader, folder, keep

    def schema(self, file_number: int) -> pa.Schema:
        """The columns of a file's differences."""
        ours, others = (side.run.schema(file_number) for side in self._sides())
        fields = [*pa.schema(ADDED), *map(ours.field, self.keep)]
        for side, schema in zip(self._sides(), (ours, others), strict=True):
            fields += [schema.field(name).with_name(side.shown(name)) for name in side.columns]

        return pa.schema([*fields, *pa.schema(WORDS)]).remove_metadata()

    def compare(self, unit: WorkUnit, file_number: int) -> UnitTally:
        """Write the unit's rows that differ, then what they add up to; raises BatchError."""
        schema = self.schema(file_number)
        ours, others = (side.run.rows(file_number, unit) for side in self._sides())
        inputs = RowStream(self.reader.read(unit, CHUNK_ROWS))
        tally, done = UnitTally(), 0
        with self.folder.part(unit, file_number, schema) as part:
            while rows := self._rows_left(unit, done):
                tables = list(map(methodcaller("take", rows), (ours, others, inputs)))
                _require_equal_rows(unit, tables)
                if not len(tables[0]):
                    break

                chunk = self._chunk(unit, file_number, unit.first_row + done, tables)
                part.write(chunk.differing(schema))
                tally += chunk.tally
                done += len(tables[0])

        self.folder.write_tally(unit, file_number, tally)
        return tally

    def _chunk(
        self, unit: WorkUnit, file_number: int, first: int, tables: list[pa.Table]
    ) -> "_Chunk":
        ours, others, inputs = tables
        end = first + len(ours)
        reasons = [side.run.bad_before(file_number, first, end) for side in self._sides()]
        failed = [mask_of(rows, len(ours)) for rows in reasons]
        changes = self.comparer.changes(ours, others, *failed)
        return _Chunk(self, unit.file.name, first, ours, others, inputs, reasons, changes)

    def _rows_left(self, unit: WorkUnit, done: int) -> int:
        if unit.rows is None:
            return CHUNK_ROWS

        return min(CHUNK_ROWS, unit.rows - done)

    def _sides(self) -> tuple[ComparedRun, ComparedRun]:
        return self.today, self.tomorrow


class _Chunk:
    """Some rows with both answers. reasons: of both versions' bad rows."""

    def __init__(
        self,
        comparer: UnitComparer,
        file: str,
        first: int,
        ours: pa.Table,
        others: pa.Table,
        inputs: pa.Table,
        reasons: list[dict[int, str]],
        changes: RowChanges,
    ) -> None:
        self.comparer, self.file, self.first = comparer, file, first
        self.ours, self.others, self.inputs = ours, others, inputs
        self.reasons, self.changes = reasons, changes

    @property
    def tally(self) -> UnitTally:
        """What the rows add up to."""
        columns = [
            segment.coded(one_chunk(self.inputs[segment.name]))
            for segment in self.comparer.segments
        ]
        return tally_of(self.changes, columns, list(self._errors()), self._worst())

    def differing(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows that differ, as they are written."""
        rows = np.flatnonzero(self.changes.differs)
        sides = self.comparer.today, self.comparer.tomorrow
        copied = list(map(self.ours.column, self.comparer.keep))
        for side, table in zip(sides, (self.ours, self.others), strict=True):
            copied += map(table.column, side.columns)

        taken = map(methodcaller("take", rows), copied)
        distance = self.changes.distance[rows]
        columns = [
            pa.repeat(pa.scalar(self.file), len(rows)),
            pa.array(rows + self.first, pa.int64()),
            *map(one_chunk, taken),
            pa.array(distance, mask=np.isnan(distance)),
            pa.array(self._words(rows), pa.string()),
            self._reasons(rows),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _words(self, rows: np.ndarray) -> np.ndarray:
        """How each of the rows differs."""
        words = np.where(self.changes.flip[rows], ANOTHER, BEYOND).astype(object)
        sides = self.comparer.today, self.comparer.tomorrow
        for side, reasons in zip(sides, self.reasons, strict=True):
            failed = mask_of(reasons, len(self.changes.flip))[rows]
            words[failed] = side.only_it_fails()

        return words

    def _reasons(self, rows: np.ndarray) -> pa.Array:
        """Why one version failed, null of rows that both answered."""
        reasons = self.reasons[0] | self.reasons[1]
        if not reasons:
            return pa.nulls(len(rows), pa.string())

        return pa.array(map(reasons.get, rows.tolist()), pa.string())

    def _errors(self) -> Iterable[ErrorTally]:
        """The rows that one version alone failed on, by version and column."""
        sides = self.comparer.today, self.comparer.tomorrow
        for side, reasons in zip(sides, self.reasons, strict=True):
            counts: Counter[str | None] = Counter()
            examples: dict[str | None, str] = {}
            for row, reason in reasons.items():
                if self.changes.one_failed[row]:
                    match = _COLUMN.match(reason)
                    column = match[1] if match else None
                    counts[column] += 1
                    examples.setdefault(column, reason[match.end() :] if match else reason)

            for column, rows in counts.items():
                yield ErrorTally(side.name, column, rows, examples[column])

    def _worst(self) -> list[WorstChange]:
        distance = np.nan_to_num(self.changes.distance)
        rows = np.argsort(-distance, kind="stable")[:WORST].tolist()
        return furthest(map(self._worst_change, filter(distance.__getitem__, rows)))

    def _worst_change(self, row: int) -> WorstChange:
        comparer = self.comparer.comparer
        today = _answer(self.ours, comparer.today[0], row)
        tomorrow = _answer(self.others, comparer.tomorrow[0], row)
        shown: dict[str, Any] = {"file": self.file, "row": self.first + row}
        for segment in self.comparer.segments:
            (value,) = python_values(one_chunk(self.inputs[segment.name].slice(row, 1)))
            shown[segment.name] = segment.plain(value)

        return WorstChange(float(self.changes.distance[row]), today, tomorrow, shown)


def _answer(table: pa.Table, layout: OutputLayout, row: int) -> Any:
    values = list(table.select(layout.columns).slice(row, 1).to_pylist()[0].values())
    if not layout.targets:
        return values[0]
    if len(layout.targets) == 1:
        return values

    return list(map(values.__getitem__, layout.targets))


def _require_equal_rows(unit: WorkUnit, tables: list[pa.Table]) -> None:
    lengths = set(map(len, tables))
    if len(lengths) > 1:
        raise BatchError(
            f"{unit.file.path} has other rows than when it was predicted: it was changed since; "
            f"take another folder for --out"
        )
