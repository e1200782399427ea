"""Reads the rows of a file of JSON lines with the service's own reader."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from batch.errors import BatchError
from batch.inputs.arrow_columns import Fitted, without_rows
from batch.inputs.encodings import UTF8_MARK, require_no_utf16
from batch.inputs.row_chunks import MOST_BYTES, TO_KEEP, RowChunk, require_columns
from batch.inputs.work_units import WorkUnit
from batch.storage.remote_file import open_stream
from service.bundle import Column
from service.rows import NOT_JSON, RowReader

LONGEST_LINE = 16 * 1024 * 1024
TOO_LONG = b"(a line that is too long)"
MOST_LINES = 4096
"""Lines that are objects of Python at once."""


class JsonFileRows:
    """One bundle's rows in files of JSON lines. keep: columns to copy, as JSON in a text."""

    def __init__(self, columns: list[Column], keep: Sequence[str]) -> None:
        self.columns, self.keep = columns, list(keep)
        self._reader = RowReader(columns)
        self._names = list(map(attrgetter("name"), columns))
        self._row = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def check(self, path: str) -> pa.Schema:
        """Check the names of the first row; returns the columns to copy. Raises BatchError."""
        try:
            with open_stream(path) as file:
                first = next(_lines(file), b"")
        except OSError as error:
            raise BatchError(f"{path} cannot be read: {error.strerror or error}") from error

        if first:
            require_no_utf16(first, path)
            names = list(self._decoded(first, path))
            require_columns(self._names, names, path)
            require_columns(self.keep, names, path, TO_KEEP)

        return pa.schema(dict.fromkeys(self.keep, pa.string()))

    def read(self, unit: WorkUnit, rows: int) -> Generator[RowChunk, None, None]:
        """See RowsOfFiles, but for smaller chunks: their rows are objects. Raises BatchError."""
        path = unit.file.path
        try:
            with open_stream(path) as file:
                for lines in _gathered(_lines(file), min(rows, MOST_LINES)):
                    yield self._chunk(lines)
        except OSError as error:
            raise BatchError(
                f"{path} cannot be read to its end: {error.strerror or error}"
            ) from error

    def _decoded(self, first: bytes, path: str) -> dict[str, msgspec.Raw]:
        try:
            return self._row.decode(first)
        except NOT_JSON as error:
            raise BatchError(f"{path}, line 1 is no JSON object: {error}") from error

    def _chunk(self, lines: list[bytes]) -> RowChunk:
        unreadable: dict[int, str] = {}
        rows: list[dict[str, msgspec.Raw]] = []
        for number, line in enumerate(lines):
            try:
                rows.append(self._row.decode(line))
            except NOT_JSON as error:
                rows.append({})
                unreadable[number] = f"no JSON object: {str(error)[:200]}"
                if line is TOO_LONG:
                    unreadable[number] = f"a line longer than {LONGEST_LINE // 2**20} MB"

        chosen = [{name: row[name] for name in self._names if name in row} for row in rows]
        decoded = self._reader.read(msgspec.json.encode({"instances": chosen}))
        bad = {error.row: f"column {error.column!r}: {error.detail}" for error in decoded.errors}
        fitted = Fitted(len(lines), np.array(decoded.kept, dtype=np.int64), decoded.columns, bad)

        copied = [_texts(row.get(name) for row in rows) for name in self.keep]
        return RowChunk(
            without_rows(fitted, unreadable),
            _batch(copied, self.keep, len(rows)),
            lambda start, count: _lines_batch(lines[start : start + count]),
        )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that are not empty, TOO_LONG for each that is longer than may be."""
    line = file.readline(LONGEST_LINE).removeprefix(UTF8_MARK)
    while line:
        if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
            _skip_line(file)
            line = TOO_LONG

        if line.strip():
            yield line

        line = file.readline(LONGEST_LINE)


def _skip_line(file: BinaryIO) -> None:
    """Read on to the end of the line."""
    while rest := file.readline(LONGEST_LINE):
        if rest.endswith(b"\n"):
            return


def _gathered(lines: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """So many lines at once, or fewer where they are long."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        gathered.append(line)
        size += len(line)
        if len(gathered) == most or size >= MOST_BYTES:
            yield gathered
            gathered, size = [], 0

    if gathered:
        yield gathered


def _texts(values: Iterable[Any]) -> pa.Array:
    return pa.array(list(map(_text, values)), pa.string())


def _text(value: Any) -> str | None:
    """A JSON text as itself, every other value as JSON."""
    if value is None:
        return None

    plain = msgspec.json.decode(value)
    if plain is None or isinstance(plain, str):
        return plain

    return bytes(value).decode()


def _batch(arrays: list[pa.Array], names: list[str], rows: int) -> pa.RecordBatch:
    if arrays:
        return pa.RecordBatch.from_arrays(arrays, names)

    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def _lines_batch(lines: list[bytes]) -> pa.RecordBatch:
    texts = [line.decode("utf-8", "replace").rstrip("\n") for line in lines]
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], ["line"])
