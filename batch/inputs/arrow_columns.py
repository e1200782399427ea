"""Fits Arrow columns to a bundle's columns.

Values that the service would refuse mark their row as bad. The words come from the service's own
reader, so that a row is refused for the same reason in a file as in a request.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from batch.inputs.json_forms import json_forms
from batch.inputs.plain_columns import CONVERTERS, Values, plain_values
from batch.inputs.typed_columns import TypedColumn
from service.bundle import Column
from service.rows import Columns, RowReader, take_rows


@dataclass(frozen=True)
class Fitted:
    """The rows of a batch that fit. kept: their numbers; bad: of the others the reason."""

    rows: int
    kept: np.ndarray
    columns: Columns
    bad: dict[int, str]


class ColumnFitter:
    """Fits record batches to one signature."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self._reader = RowReader(columns)
        self._typed = {
            column.name: TypedColumn(column) for column in columns if column.dtype not in CONVERTERS
        }

    def fit(self, batch: pa.RecordBatch) -> Fitted:
        """The rows as columns; the batch's types were checked before."""
        values: Columns = {}
        bad = np.zeros(batch.num_rows, dtype=bool)
        for column in self.columns:
            values[column.name], wrong = self._values(batch.column(column.name), column)
            bad |= wrong

        if not bad.any():
            return Fitted(batch.num_rows, np.arange(batch.num_rows), values, {})

        kept = np.flatnonzero(~bad)
        reasons = {int(row): self._reason(batch, int(row)) for row in np.flatnonzero(bad)}
        return Fitted(batch.num_rows, kept, take_rows(values, kept), reasons)

    def _values(self, array: pa.Array, column: Column) -> Values:
        typed = self._typed.get(column.name)
        if typed is not None:
            return typed.values(array)

        return plain_values(array, column)

    def _reason(self, batch: pa.RecordBatch, row: int) -> str:
        """Why the service would refuse the row."""
        given = {}
        for column in self.columns:
            (given[column.name],) = json_forms(batch.column(column.name).slice(row, 1))

        for name, value in given.items():
            if isinstance(value, float) and not np.isfinite(value):
                given[name] = None
                if not np.isnan(value):
                    return f"column {name!r}: {value} is no finite number"

        body = msgspec.json.encode({"instances": [given]})
        errors = self._reader.read(body).errors
        if errors:
            return f"column {errors[0].column!r}: {errors[0].detail}"

        return "a value would be changed on its way into the model"


def without_rows(fitted: Fitted, unreadable: dict[int, str]) -> Fitted:
    """Without rows that could not be read; their reason comes before all others."""
    if not unreadable:
        return fitted

    stays = ~np.isin(fitted.kept, list(unreadable))
    columns = take_rows(fitted.columns, stays)
    return Fitted(fitted.rows, fitted.kept[stays], columns, {**fitted.bad, **unreadable})
