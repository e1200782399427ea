"""The predictions and bad rows of a run that is done, read back in their order."""

from collections.abc import Iterator
from itertools import count
from operator import attrgetter

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch.compare.row_stream import RowStream
from batch.inputs.work_units import WorkUnit
from batch.outputs.finished_folder import FinishedFolder
from batch.storage.parquet_source import metadata_of, parquet_source


class BadRowReason(msgspec.Struct, frozen=True):
    """A line of the report of bad rows, without its values."""

    file: str
    row: int
    reason: str


class FinishedRun:
    """A version's run into a folder. Its predictions are Parquet. Raises BatchError."""

    def __init__(self, address: str) -> None:
        self.folder = FinishedFolder(address)
        self.notes = self.folder.notes
        names = map(attrgetter("name"), self.notes.inputs)
        self._order = dict(zip(names, count(), strict=False))
        self._bad = map(msgspec.json.Decoder(BadRowReason).decode, self.folder.bad_rows())
        self._next = next(self._bad, None)
        self._schema: tuple[int, pa.Schema] | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return self.folder.address

    def schema(self, file_number: int) -> pa.Schema:
        """The columns of an input's predictions, read once for all units of the file."""
        if self._schema is None or self._schema[0] != file_number:
            read = metadata_of(self.folder.output(file_number)).schema.to_arrow_schema()
            self._schema = file_number, read

        return self._schema[1]

    def rows(self, file_number: int, unit: WorkUnit) -> RowStream:
        """The predictions of a unit, and of what comes after it."""
        batches = _batches_from(self.folder.output(file_number), unit.first_row)
        return RowStream(batches, self.schema(file_number))

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


def _batches_from(path: str, first_row: int) -> Iterator[pa.RecordBatch]:
    """From a row on, beginning with the row group that has it."""
    with parquet_source(path) as source, pq.ParquetFile(source, pre_buffer=False) as file:
        begins, groups = _groups_from(file.metadata, first_row)
        skip = first_row - begins
        for batch in file.iter_batches(row_groups=groups, use_threads=False):
            rows = batch.num_rows
            yield batch.slice(min(skip, rows))
            skip = max(0, skip - rows)


def _groups_from(metadata: pq.FileMetaData, first_row: int) -> tuple[int, list[int]]:
    """The row groups from the one that has a row on, and the number of their first row."""
    begins = 0
    for number in range(metadata.num_row_groups):
        rows = metadata.row_group(number).num_rows
        if begins + rows > first_row:
            return begins, list(range(number, metadata.num_row_groups))

        begins += rows

    return begins, []
