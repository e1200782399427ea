"""Reads the rows of a CSV file: texts that become the values of their columns, one by one where
they do not as a whole.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.types as kinds

from batch.errors import BatchError
from batch.inputs.arrow_columns import ColumnFitter, without_rows
from batch.inputs.csv_faults import (
    BLOCK_BYTES,
    header_fault,
    not_text,
    require_separated,
    row_fault,
)
from batch.inputs.encodings import UTF8_MARK, require_no_utf16
from batch.inputs.plain_columns import EXACT_WHOLE
from batch.inputs.row_chunks import (
    TO_KEEP,
    RowChunk,
    require_columns,
    require_once,
    rows_at_once,
)
from batch.inputs.work_units import WorkUnit
from batch.storage.remote_file import first_bytes, native_stream
from service.bundle import Column
from service.columns.plain import UnsignedNumbers
from service.columns.registry import column_kind
from wire.null_words import NULL_WORDS

TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}


class CsvFileRows:
    """One bundle's rows in CSV files. keep: columns to copy, as texts."""

    def __init__(self, columns: list[Column], keep: Sequence[str]) -> None:
        self.columns, self.keep = columns, list(keep)
        self._fitter = ColumnFitter(columns)
        self._inputs = [column.name for column in columns]
        self._names = list(dict.fromkeys([*self._inputs, *keep]))

    def check(self, path: str) -> pa.Schema:
        """Check the names of a file; returns the columns to copy. Raises BatchError."""
        for column in self.columns:
            if column.dtype == "array":
                raise BatchError(
                    f"{path}: column {column.name!r} takes arrays, which CSV has no form of: write "
                    f"Parquet or JSON lines"
                )

        first = first_bytes(path, len(UTF8_MARK))
        if first:
            require_no_utf16(first, path)
            names = self._header(path)
            require_once(names, path)
            require_separated(names, path)
            require_columns(self._inputs, names, path)
            require_columns(self.keep, names, path, TO_KEEP)

        return pa.schema(dict.fromkeys(self.keep, pa.string()))

    def read(self, unit: WorkUnit, rows: int) -> Generator[RowChunk, None, None]:
        """See RowsOfFiles; a chunk ends with a block of the file. Raises BatchError."""
        path = unit.file.path
        if unit.file.size == 0:
            return

        rows = rows_at_once(rows, len(self._names))

        try:
            with self._opened(path) as reader:
                for block in reader:
                    for start in range(0, block.num_rows, rows):
                        yield self._chunk(block.slice(start, rows))
        except (OSError, pa.ArrowException) as error:
            raise row_fault(path, error) from error

    def _header(self, path: str) -> list[str]:
        try:
            with self._opened(path, all_columns=True) as reader:
                names: list[str] = reader.schema.names
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise header_fault(path, error) from error

        return names

    @contextmanager
    def _opened(
        self, path: str, all_columns: bool = False
    ) -> Iterator[pyarrow.csv.CSVStreamingReader]:
        # Octets, since what is no text makes its own row bad and ends no run.
        options = pyarrow.csv.ConvertOptions(
            include_columns=None if all_columns else self._names,
            column_types=dict.fromkeys(self._names, pa.binary()),
            strings_can_be_null=False,
        )
        # Without threads, since the processes are the parallelism.
        reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        with (
            native_stream(path) as file,
            pyarrow.csv.open_csv(file, reading, parsing, options) as reader,
        ):
            yield reader

    def _chunk(self, block: pa.RecordBatch) -> RowChunk:
        unreadable: dict[int, str] = {}
        texts = _texts(block, unreadable)
        arrays = [
            self._typed(texts.column(column.name), column, unreadable) for column in self.columns
        ]
        typed = pa.RecordBatch.from_arrays(arrays, self._inputs)
        fitted = without_rows(self._fitter.fit(typed), unreadable)
        return RowChunk(fitted, texts.select(self.keep), texts.slice)

    def _typed(self, texts: pa.Array, column: Column, unreadable: dict[int, str]) -> pa.Array:
        """The texts as values; those that are none become null, with the reason by row."""
        words: Sequence[str] = NULL_WORDS
        if column.dtype == "string":
            words = ("",)

        is_null = pc.is_in(texts, pa.array(words))
        texts = pc.if_else(is_null, pa.scalar(None, pa.string()), texts)
        # What is no number is read as a request has it.
        if column.dtype not in TYPES:
            return texts

        trimmed = pc.utf8_trim_whitespace(texts)
        kind = _arrow_type(column)
        try:
            return pc.cast(trimmed, kind)
        except pa.ArrowInvalid:
            return _one_by_one(trimmed, kind, column, unreadable)


def _texts(block: pa.RecordBatch, unreadable: dict[int, str]) -> pa.RecordBatch:
    """The octets as texts; those that are none are replaced in part, with the reason by row."""
    arrays = []
    for name, octets in zip(block.schema.names, block.columns, strict=True):
        try:
            arrays.append(octets.cast(pa.string()))
        except pa.ArrowInvalid:
            arrays.append(_replaced(name, octets.to_pylist(), unreadable))

    return pa.RecordBatch.from_arrays(arrays, block.schema.names)


def _replaced(name: str, octets: list[bytes], unreadable: dict[int, str]) -> pa.Array:
    for row, value in enumerate(octets):
        reason = not_text(name, value)
        if reason:
            unreadable.setdefault(row, reason)

    return pa.array([value.decode("utf-8", "replace") for value in octets], pa.string())


def _arrow_type(column: Column) -> pa.DataType:
    if isinstance(column_kind(column), UnsignedNumbers):
        return pa.uint64()

    return TYPES[column.dtype]


def _one_by_one(
    texts: pa.Array, kind: pa.DataType, column: Column, unreadable: dict[int, str]
) -> pa.Array:
    values = []
    for row, text in enumerate(texts.to_pylist()):
        try:
            values.append(None if text is None else _number(text, kind))
        except (ValueError, pa.ArrowException):
            values.append(None)
            unreadable.setdefault(
                row, f"column {column.name!r}: {text[:100]!r} is no {_noun(column)}"
            )

    return pa.array(values, kind)


def _number(text: str, kind: pa.DataType) -> float | int | bool:
    if kinds.is_integer(kind) and not text.lstrip("+-").isdecimal():
        number = float(text)
        # From there on the text may be another number than its float.
        if not number.is_integer() or abs(number) >= EXACT_WHOLE:
            raise ValueError
        text = str(int(number))

    value: float | int | bool = pc.cast(pa.scalar(text), kind).as_py()
    return value


def _noun(column: Column) -> str:
    return {"float": "number", "int": "whole number", "bool": "boolean"}[column.dtype]
