"""The predictions of one unit, kept until the whole file is predicted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from batch.inputs.work_units import WorkUnit
from batch.outputs.stored_folder import StoredFolder

GATHERED_ROWS = 131_072
"""Rows of a record batch in a part, and of a row group in a Parquet output."""
LISTED_VALUE = 2_000


class BadFileRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row without a prediction. row: its number in the file, from 0. values: as the file has
    them.
    """

    file: str
    row: int
    reason: str
    values: dict[str, Any] | None = None


@dataclass(frozen=True)
class PartFiles:
    """Where the parts of a run are. folder: of its own, within the run's output."""

    folder: StoredFolder

    def data(self, unit: WorkUnit, file_number: int) -> str:
        """The name of a unit's predictions, with which it is complete."""
        return f"{file_number:05}-{unit.number:05}.arrow"

    def bad(self, unit: WorkUnit, file_number: int) -> str:
        """The name of its bad rows, which are there before the predictions."""
        return f"{file_number:05}-{unit.number:05}.bad.jsonl"


class PartWriter:
    """Gathers small batches to large ones, since each costs."""

    def __init__(self, sink: pa.RecordBatchFileWriter) -> None:
        self._sink = sink
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= GATHERED_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._sink.write_table(table)

        self._waiting, self._rows = [], 0


@contextmanager
def part_writer(folder: StoredFolder, name: str, schema: pa.Schema) -> Iterator[PartWriter]:
    """Write a part; it appears once it is complete."""
    with (
        folder.draft(name) as draft,
        pa.OSFile(str(draft), "wb") as file,
        pa.ipc.new_file(file, schema) as sink,
    ):
        writer = PartWriter(sink)
        yield writer
        writer.flush()


def read_part(folder: StoredFolder, name: str) -> Iterator[pa.RecordBatch]:
    """The batches of a part, one after another."""
    with folder.opened(name) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
