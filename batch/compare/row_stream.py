"""Rows from batches of any size, so many at a time."""

from collections.abc import Iterator

import pyarrow as pa


class RowStream:
    """Takes rows off a stream of batches. schema: None for that of the first batch."""

    def __init__(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema | None = None) -> None:
        self.schema, self._batches = schema, batches
        self._waiting: list[pa.RecordBatch] = []

    def take(self, rows: int) -> pa.Table:
        """The next so many rows, fewer at the end."""
        waiting = sum(batch.num_rows for batch in self._waiting)
        while waiting < rows and (batch := next(self._batches, None)) is not None:
            self._waiting.append(batch)
            waiting += batch.num_rows

        if self.schema is None:
            self.schema = self._waiting[0].schema if self._waiting else pa.schema([])

        table = pa.Table.from_batches(self._waiting, self.schema)
        self._waiting = table.slice(rows).to_batches()
        return table.slice(0, rows)
