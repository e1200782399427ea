"""Predicts units of work into parts: what every engine calls."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa

from batch.inputs.csv_rows import CsvFileRows
from batch.inputs.input_files import InputFile, require_unchanged
from batch.inputs.json_forms import json_forms
from batch.inputs.json_rows import JsonFileRows
from batch.inputs.parquet_rows import ParquetFileRows
from batch.inputs.row_chunks import RowChunk
from batch.inputs.work_units import WorkUnit
from batch.model import BatchModel
from batch.outputs.parts import (
    LISTED_VALUE,
    BadFileRow,
    PartFiles,
    part_writer,
    read_part,
)
from batch.prefetch import prefetch
from service.bundle import Column

Task = tuple[WorkUnit, int, pa.Schema]
"""A unit, the number of its file, and the columns to copy."""


class ReadChunk(NamedTuple):
    """Rows of a unit; None after its last ones."""

    task: Task
    chunk: RowChunk | None


class PredictedChunk(NamedTuple):
    """The same with the rows' predictions, and by row why it has none."""

    task: Task
    chunk: RowChunk | None
    arrays: list[pa.Array]
    reasons: dict[int, str]


class RowsOfFiles(Protocol):
    """Reads one format."""

    def check(self, path: str) -> pa.Schema:
        """Check a file before its first row is predicted; returns the columns to copy."""

    def read(self, unit: WorkUnit, rows: int) -> Generator[RowChunk, None, None]:
        """The unit's rows in chunks, which hold a multiple of so many rows where that is not too
        much at once.
        """


class UnitResult(msgspec.Struct, frozen=True):
    """What a unit came to. seconds: of its process."""

    file_number: int
    number: int
    rows: int
    bad: int


def reader_of(kind: str, columns: list[Column], keep: Sequence[str]) -> RowsOfFiles:
    """The reader of a format."""
    readers: dict[str, Callable[[list[Column], Sequence[str]], RowsOfFiles]] = {
        "parquet": ParquetFileRows,
        "csv": CsvFileRows,
        "jsonl": JsonFileRows,
    }
    return readers[kind](columns, keep)


class UnitPredictor:
    """Predicts units with one loaded model."""

    def __init__(
        self, model: BatchModel, parts: PartFiles, keep: Sequence[str], chunk: int, values: bool
    ) -> None:
        self.model, self.parts, self.keep = model, parts, list(keep)
        self.chunk, self.values = chunk, values

    def predict(self, unit: WorkUnit, file_number: int, copied: pa.Schema) -> UnitResult:
        """Write one unit's part and its bad rows; raises BatchError."""
        (result,) = self.results([(unit, file_number, copied)])
        return result

    def results(self, tasks: Iterable[Task]) -> Generator[UnitResult, None, None]:
        """Write the parts of units and their bad rows; the results come in order.

        Reading, predicting and writing have a thread each: the libraries that do the work let the
        others run meanwhile, and a unit is read while the one before it is written. Raises
        BatchError, also where a file changes meanwhile.
        """
        with closing(prefetch(self._predicted(prefetch(self._read(tasks))))) as predicted:
            for first in predicted:
                yield self._write(first.task, chain([first], predicted))

    def _read(self, tasks: Iterable[Task]) -> Generator[ReadChunk, None, None]:
        """The units' chunks; None after the last one of each."""
        columns = self.model.bundle.manifest.columns
        for task in tasks:
            unit = task[0]
            with _unless_changed(unit.file):
                for chunk in reader_of(unit.file.format, columns, self.keep).read(unit, self.chunk):
                    yield ReadChunk(task, chunk)

            yield ReadChunk(task, None)

    def _predicted(
        self, chunks: Generator[ReadChunk, None, None]
    ) -> Generator[PredictedChunk, None, None]:
        with closing(chunks):
            for task, chunk in chunks:
                if chunk is None:
                    yield PredictedChunk(task, None, [], {})
                else:
                    yield PredictedChunk(task, chunk, *self.model.predict(chunk.fitted, self.chunk))

    def _write(self, task: Task, chunks: Iterator[PredictedChunk]) -> UnitResult:
        """Write one unit, of which the chunks are the next ones."""
        unit, file_number, copied = task
        schema = pa.schema([*copied, *self.model.answers.schema])
        folder = self.parts.folder
        rows, bad = 0, 0
        # The predictions appear last: where they are, the bad rows are complete.
        with (
            part_writer(folder, self.parts.data(unit, file_number), schema) as part,
            folder.draft(self.parts.bad(unit, file_number), 0o600) as bad_path,
            bad_path.open("wb") as bad_file,
            _unless_changed(unit.file),
        ):
            for _, chunk, arrays, reasons in chunks:
                if chunk is None:
                    break

                part.write(_beside(chunk, arrays, schema))
                bad_file.writelines(self._lines(chunk, reasons, unit, rows))
                rows += chunk.fitted.rows
                bad += len(reasons)

            require_unchanged(unit.file)

        return UnitResult(file_number, unit.number, rows, bad)

    def _lines(
        self, chunk: RowChunk, reasons: dict[int, str], unit: WorkUnit, before: int
    ) -> Iterator[bytes]:
        """The bad rows of a chunk, which begins `before` rows after the unit."""
        for row in sorted(reasons):
            values = self._shown(chunk, row) if self.values else None
            number = unit.first_row + before + row
            bad = BadFileRow(unit.file.name, number, reasons[row], values)
            yield msgspec.json.encode(bad) + b"\n"

    def _shown(self, chunk: RowChunk, row: int) -> dict[str, Any]:
        batch = chunk.values(row, 1)
        shown = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            shown[name] = _plain(_value(column))

        return shown


@contextmanager
def _unless_changed(file: InputFile) -> Iterator[None]:
    """Raises BatchError for a file that changed: what that does to who reads it, or writes what was
    read, is no reason by itself.
    """
    try:
        yield
    except Exception:
        require_unchanged(file)
        raise


def _beside(chunk: RowChunk, arrays: list[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    columns = [*chunk.copied.columns, *arrays]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _value(column: pa.Array) -> Any:
    """The only value of a column, as a request has it, or as Arrow prints it."""
    try:
        (value,) = json_forms(column)
    except (ValueError, OverflowError):
        value = " ".join(column.to_string().split())

    return value


def _plain(value: Any) -> Any:
    """A value as JSON can hold it, cut where it is long."""
    if isinstance(value, str):
        return value[:LISTED_VALUE]
    if value is None or isinstance(value, bool | int | float):
        return value

    return str(value)[:LISTED_VALUE]


def complete(
    parts: PartFiles, existing: Collection[str], unit: WorkUnit, file_number: int
) -> UnitResult | None:
    """The result of a unit that an earlier run predicted, None where it did not.

    existing: the names of all parts.
    """
    data, bad = parts.data(unit, file_number), parts.bad(unit, file_number)
    if data not in existing or bad not in existing:
        return None

    rows = unit.rows
    if rows is None:
        rows = sum(batch.num_rows for batch in read_part(parts.folder, data))

    return UnitResult(file_number, unit.number, rows, parts.folder.read(bad).count(b"\n"))
