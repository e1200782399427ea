"""Reads the rows of a CSV file: texts that become the values of their columns, one by one where
they do not as a whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.types as kinds

from batch.errors import BatchError
from batch.inputs.arrow_columns import ColumnFitter, without_rows
from batch.inputs.pieces import Piece, require_names
from batch.inputs.plain_columns import EXACT_WHOLE
from batch.inputs.work_units import WorkUnit
from batch.storage.remote_file import is_empty, native_stream
from service.bundle import Column
from service.columns.plain import UnsignedNumbers
from service.columns.registry import column_kind

TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
NULL_WORDS = ["", "NA", "N/A", "#N/A", "<NA>", "n/a", "NaN", "nan", "NULL", "null", "None"]
BLOCK_BYTES = 4 * 1024 * 1024


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

        if not is_empty(path):
            with self._opened(path) as reader:
                require_names(self._names, reader.schema.names, path)

        return pa.schema(dict.fromkeys(self.keep, pa.string()))

    def read(self, unit: WorkUnit, rows: int) -> Iterator[Piece]:
        """The file in pieces of at most so many rows; raises BatchError."""
        path = unit.file.path
        if unit.file.size == 0:
            return

        try:
            with self._opened(path, self._names) as reader:
                for block in reader:
                    for start in range(0, block.num_rows, rows):
                        yield self._piece(block.slice(start, rows))
        except (OSError, pa.ArrowException) as error:
            raise BatchError(f"{path} cannot be read to its end: {error}") from error

    @contextmanager
    def _opened(
        self, path: str, names: Sequence[str] = ()
    ) -> Iterator[pyarrow.csv.CSVStreamingReader]:
        options = pyarrow.csv.ConvertOptions(
            include_columns=list(names) or None,
            column_types=dict.fromkeys(self._names, pa.string()),
            strings_can_be_null=False,
        )
        # Without threads, since the processes are the parallelism.
        reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        with native_stream(path) as file:
            try:
                reader = pyarrow.csv.open_csv(file, reading, parsing, options)
            except (OSError, pa.ArrowException) as error:
                raise BatchError(f"{path} cannot be read as CSV: {error}") from error

            with reader:
                yield reader

    def _piece(self, block: pa.RecordBatch) -> Piece:
        unreadable: dict[int, str] = {}
        arrays = [
            self._typed(block.column(column.name), column, unreadable) for column in self.columns
        ]
        typed = pa.RecordBatch.from_arrays(arrays, self._inputs)
        fitted = without_rows(self._fitter.fit(typed), unreadable)
        return Piece(fitted, block.select(self.keep), block.slice)

    def _typed(self, texts: pa.Array, column: Column, unreadable: dict[int, str]) -> pa.Array:
        """The texts as values; those that are none become null, with the reason by row."""
        words = NULL_WORDS
        if column.dtype == "string":
            words = [""]

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
