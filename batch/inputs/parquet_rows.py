"""Reads the row groups of a Parquet file."""

from collections.abc import Generator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.inputs.accepted_types import check_types
from batch.inputs.arrow_columns import ColumnFitter
from batch.inputs.row_chunks import TO_KEEP, RowChunk, require_columns, require_once, rows_at_once
from batch.inputs.work_units import WorkUnit
from batch.storage.parquet_source import metadata_of, parquet_source
from service.bundle import Column


class ParquetFileRows:
    """One bundle's rows in Parquet files. keep: columns to copy."""

    def __init__(self, columns: list[Column], keep: Sequence[str]) -> None:
        self.columns, self.keep = columns, list(keep)
        self._fitter = ColumnFitter(columns)
        self._texts = [column.name for column in columns if column.dtype == "string"]

    def check(self, path: str) -> pa.Schema:
        """Check names and types of a file; returns those of the columns to copy.

        Raises BatchError.
        """
        schema = metadata_of(path).schema.to_arrow_schema()
        require_once(schema.names, path)
        check_types(self.columns, schema, path)
        require_columns(self.keep, schema.names, path, TO_KEEP)
        return pa.schema(list(map(schema.field, self.keep)))

    def read(self, unit: WorkUnit, rows: int) -> Generator[RowChunk, None, None]:
        """See RowsOfFiles; raises BatchError."""
        names = list(dict.fromkeys([*(column.name for column in self.columns), *self.keep]))
        texts = [name for name in self._texts if name not in self.keep]
        path = unit.file.path
        try:
            with (
                parquet_source(path) as source,
                pq.ParquetFile(source, read_dictionary=texts, pre_buffer=False) as file,
            ):
                batches = file.iter_batches(
                    batch_size=rows_at_once(rows, len(names), _row_bytes(file.metadata, unit)),
                    row_groups=list(unit.groups),
                    columns=names,
                    use_threads=False,
                )
                for batch in batches:
                    yield RowChunk(self._fitter.fit(batch), batch.select(self.keep), batch.slice)
        except (OSError, pa.ArrowException) as error:
            raise BatchError(f"{path} cannot be read to its end: {error}") from error


def _row_bytes(metadata: pq.FileMetaData, unit: WorkUnit) -> float:
    """Bytes of a row of the unit's largest row group, before they are compressed."""
    sizes = [0.0]
    for group in map(metadata.row_group, unit.groups):
        sizes.append(group.total_byte_size / max(1, group.num_rows))

    return max(sizes)
