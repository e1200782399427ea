"""Says what is wrong with a CSV file, in which row, and what to do.

Rows count from 0, without the line of names and without empty lines."""

import csv
import re
from collections.abc import Iterable, Iterator
from io import TextIOWrapper

import pyarrow as pa

from batch.errors import BatchError
from batch.storage.remote_file import open_stream

BLOCK_BYTES = 4 * 1024 * 1024
"""The line of names is at most as long, and a row ends in the block after that where it begins."""
_OTHER_LENGTH = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
# Of Arrow's numbers of rows, the first data row's.
_FIRST_ROW = 2
_MEGABYTES = f"{BLOCK_BYTES // 2**20} MB"
_SAVE = "save the file as UTF-8 (`iconv -f LATIN1 -t UTF-8`, where it is Latin-1)"


def header_fault(path: str, error: Exception) -> BatchError:
    """Why the line of names cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return BatchError(
            f"{path}: its first line, which names the columns, is not UTF-8 ({error.reason}): "
            f"{_SAVE}"
        )

    if isinstance(error, OSError):
        return BatchError(f"{path} cannot be read: {error.strerror or error}")

    with open_stream(path) as file:
        first = file.read(BLOCK_BYTES)

    if not first.strip():
        return BatchError(
            f"{path} is empty: its first line names the columns, and one line a row follows"
        )
    if b"\n" not in first and b"\r" not in first and len(first) < BLOCK_BYTES:
        return BatchError(
            f"{path} holds but its line of names, which has no end: end it with a newline, or "
            f"leave the file out"
        )
    if b"\n" not in first and b"\r" not in first:
        return BatchError(
            f"{path}: its first line, which names the columns, has no end within {_MEGABYTES}: end "
            f"lines with a newline, or write Parquet"
        )

    return _fault(path, error)


def require_separated(names: list[str], path: str) -> None:
    """Raise BatchError where other signs than commas stand between the names."""
    for sign, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and sign in names[0]:
            raise BatchError(
                f"{path}: its columns are separated by {called}: separate them by commas (and "
                f"write 12.5, not 12,5)"
            )

    for name in names:
        if name != name.strip():
            raise BatchError(
                f"{path}: the name of column {name!r} begins or ends with a space: write none "
                f"beside the commas"
            )


def row_fault(path: str, error: Exception) -> BatchError:
    """Why the rows cannot be read to the end of the file."""
    if isinstance(error, pa.ArrowInvalid) and "straddling" in str(error):
        return BatchError(
            f"{path}, row {_endless_row(path)}: it has no end within {_MEGABYTES}: close its "
            f"quotes, write quotes within a value twice, or write Parquet"
        )

    return _fault(path, error)


def not_text(name: str, octets: bytes) -> str:
    """Why a row with these octets in a column is bad."""
    try:
        octets.decode()
    except UnicodeDecodeError as error:
        return f"column {name!r} is not UTF-8 ({error.reason} at byte {error.start}): {_SAVE}"

    return ""


def _fault(path: str, error: Exception) -> BatchError:
    match = _OTHER_LENGTH.search(str(error))
    if match is None:
        return BatchError(f"{path} cannot be read to its end as CSV: {error}")

    row, expected, given = map(int, match.groups())
    return BatchError(
        f"{path}, row {row - _FIRST_ROW} has {given} values for {expected} columns: write one "
        f"value a column, in quotes where it has a comma"
    )


def _endless_row(path: str) -> int:
    """The number of the first row that does not end in the block after that of its beginning."""
    most = csv.field_size_limit(2 * BLOCK_BYTES)
    number = -1
    try:
        # Octets as characters: the encoding does not matter here.
        with TextIOWrapper(open_stream(path), encoding="latin-1", newline="") as file:
            lines = _CountedLines(file)
            start = 0
            for row in csv.reader(lines):
                if lines.size > (start // BLOCK_BYTES + 2) * BLOCK_BYTES:
                    return number

                start = lines.size
                number += bool(row)
    except csv.Error:
        # A value that is longer than two blocks by itself.
        return number
    finally:
        csv.field_size_limit(most)

    return number


class _CountedLines:
    """The lines of a file. size: of those that were read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.size = 0
        self._lines = iter(lines)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.size += len(line)
        return line
