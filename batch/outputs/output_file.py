"""Puts the parts of a file together: one output for one input, row for row."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch.outputs.parts import GATHERED_ROWS
from batch.outputs.stored_folder import StoredFolder

SUFFIXES = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl"}


def write_output(
    folder: StoredFolder,
    name: str,
    kind: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    notes: Mapping[str, str],
) -> int:
    """Write the output; returns its rows. notes: of the run, into Parquet's metadata."""
    writers = {"parquet": _write_parquet, "csv": _write_csv, "jsonl": _write_lines}
    with folder.draft(name) as draft:
        return writers[kind](draft, schema.with_metadata(notes), batches)


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    # Numbers with a fraction hardly repeat: a dictionary of them would only be larger, and slow.
    repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeating) as writer:
        for table in _gathered(batches):
            writer.write_table(table.cast(schema), row_group_size=GATHERED_ROWS)
            rows += table.num_rows

    return rows


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pyarrow.csv.CSVWriter(path, schema.remove_metadata()) as writer:
        for table in _gathered(batches):
            writer.write_table(table)
            rows += table.num_rows

    return rows


def _write_lines(path: Path, _schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for table in _gathered(batches):
            for row in table.to_pylist():
                file.write(encode(row) + b"\n")

            rows += table.num_rows

    return rows


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of GATHERED_ROWS rows, whatever the units were, so that no resumption shows."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows < GATHERED_ROWS:
            continue

        table = pa.Table.from_batches(waiting)
        whole = rows - rows % GATHERED_ROWS
        yield table.slice(0, whole)
        waiting = table.slice(whole).to_batches()
        rows -= whole

    if rows:
        yield pa.Table.from_batches(waiting)
