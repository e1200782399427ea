"""Puts the parts of a file together: one output for one input, row for row."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.inputs.arrow_types import is_bytes
from batch.inputs.json_forms import json_forms
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
        try:
            return writers[kind](draft, schema.with_metadata(notes), batches)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise BatchError(
                f"{name} cannot be written as {kind}, since a value of a column of --keep has no "
                f"form there ({error}): leave the column out, or add --format parquet"
            ) from error


def require_form(kind: str, copied: pa.Schema, path: str) -> None:
    """Raise BatchError where a format has no form of a column to copy."""
    if kind != "csv":
        return

    for field in copied:
        try:
            row = pa.table([_text_form(pa.nulls(1, field.type))], [field.name])
            pyarrow.csv.write_csv(row, pa.BufferOutputStream())
        except pa.ArrowException as error:
            raise BatchError(
                f"{path}: --keep {field.name} holds {field.type}, which CSV has no form of: leave "
                f"it out, or add --format parquet"
            ) from error


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
    empty = _with_text_forms(schema.remove_metadata().empty_table())
    with pyarrow.csv.CSVWriter(path, empty.schema) as writer:
        for table in _gathered(batches):
            writer.write_table(_with_text_forms(table))
            rows += table.num_rows

    return rows


def _write_lines(path: Path, _schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for table in _gathered(batches):
            columns = map(json_forms, map(one_chunk, table.columns))
            for row in zip(*columns, strict=True):
                file.write(encode(dict(zip(table.column_names, row, strict=True))) + b"\n")

            rows += table.num_rows

    return rows


def _with_text_forms(table: pa.Table) -> pa.Table:
    """The columns that CSV has as texts alone, in the form that CSV is read in."""
    columns = list(map(_text_form, map(one_chunk, table.columns)))
    return pa.table(columns, table.column_names)


def _text_form(values: pa.Array) -> pa.Array:
    if pa.types.is_duration(values.type) or is_bytes(values.type):
        return pa.array(json_forms(values), pa.string())

    return values


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """The values of a column of a table together."""
    combined = column.combine_chunks()
    if isinstance(combined, pa.Array):
        return combined

    return pa.concat_arrays(combined.chunks)


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
