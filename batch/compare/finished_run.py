"""The predictions and bad rows of a run that is done, read back in their order."""

from collections.abc import Iterator
from itertools import count
from operator import attrgetter
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch.compare.row_stream import RowStream
from batch.errors import BatchError
from batch.inputs.work_units import WorkUnit
from batch.outputs.run_folder import BAD_ROWS, MANIFEST, SUCCESS, RunNotes


class BadRowReason(msgspec.Struct, frozen=True):
    """A line of the report of bad rows, without its values."""

    file: str
    row: int
    reason: str


class FinishedRun:
    """A version's run into a folder. Its predictions are Parquet. Raises BatchError."""

    def __init__(self, address: str) -> None:
        self.folder = folder = Path(address)
        self.notes = _notes(folder)
        names = map(attrgetter("name"), self.notes.inputs)
        self._order = dict(zip(names, count(), strict=False))
        self._bad = _bad_rows(folder / BAD_ROWS)
        self._next = next(self._bad, None)

    def path(self, file_number: int) -> Path:
        """The predictions of an input."""
        return self.folder / self.notes.outputs[file_number]

    def rows(self, file_number: int, unit: WorkUnit) -> RowStream:
        """The predictions of a unit, and of what comes after it."""
        path = self.path(file_number)
        file = pq.ParquetFile(path, pre_buffer=False)
        return RowStream(_batches_from(file, unit.first_row), file.schema_arrow)

    def bad_before(self, file_number: int, first: int, end: int) -> dict[int, str]:
        """Why the bad rows from `first` up to `end` are, by their number from `first` on.

        Asked for in the order of files and rows.
        """
        reasons = {}
        while self._next is not None:
            at = (self._order[self._next.file], self._next.row)
            if at >= (file_number, end):
                break
            if at >= (file_number, first):
                reasons[self._next.row - first] = self._next.reason
            self._next = next(self._bad, None)

        return reasons


def mask_of(rows: dict[int, str], total: int) -> np.ndarray:
    """Which of so many rows are among these."""
    mask = np.zeros(total, dtype=bool)
    mask[list(rows)] = True
    return mask


def _notes(folder: Path) -> RunNotes:
    path = folder / MANIFEST
    if not (folder / SUCCESS).exists():
        raise BatchError(f"{folder} holds no finished run: run the same command again")

    try:
        return msgspec.json.decode(path.read_bytes(), type=RunNotes)
    except (OSError, msgspec.DecodeError) as error:
        raise BatchError(f"{path} cannot be read ({error}): take another folder") from error


def _bad_rows(path: Path) -> Iterator[BadRowReason]:
    decode = msgspec.json.Decoder(BadRowReason).decode
    with path.open("rb") as lines:
        yield from map(decode, lines)


def _batches_from(file: pq.ParquetFile, first_row: int) -> Iterator[pa.RecordBatch]:
    """From a row on, beginning with the row group that has it."""
    begins, groups = 0, list[int]()
    for number in range(file.num_row_groups):
        rows = file.metadata.row_group(number).num_rows
        if begins + rows > first_row or groups:
            groups.append(number)
        else:
            begins += rows

    skip = first_row - begins
    if not groups:
        return

    with file:
        for batch in file.iter_batches(row_groups=groups, use_threads=False):
            rows = batch.num_rows
            yield batch.slice(min(skip, rows))
            skip = max(0, skip - rows)
