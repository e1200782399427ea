"""Fits the columns that are neither numbers, booleans nor texts, with the service's own reader."""

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from batch.inputs.json_forms import json_forms, without_dictionary
from batch.inputs.plain_columns import Values, nulls_of
from service.bundle import Column
from service.columns.iso_datetimes import Datetimes
from service.columns.iso_durations import Durations
from service.columns.registry import column_kind
from service.rows import RowReader

FIRST_YEAR, AFTER_LAST_YEAR = np.datetime64("0001-01-01"), np.datetime64("10000-01-01")
"""What ISO 8601 has four digits for."""


class TypedColumn:
    """Fits one column. Moments and durations go as they are, where Arrow's count of units becomes
    the column's without loss; all else as a request has it.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self._kind = column_kind(column)
        self._reader = RowReader([column])

    def values(self, array: pa.Array) -> Values:
        """The values as the service's reader gives them, and of each whether it is bad."""
        array = without_dictionary(array)
        counted = self._counted(array)
        if counted is None:
            return self._read(array)

        if self.column.nullable:
            return counted, np.zeros(len(array), dtype=bool)

        return counted, nulls_of(array)

    def _counted(self, array: pa.Array) -> np.ndarray | None:
        """Moments or durations in the column's unit; None where that is not exact for all."""
        target = _counted_type(self._kind, array.type)
        if target is None:
            return None

        try:
            values = np.array(array.cast(target).to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid:
            return None

        if kinds.is_timestamp(target) and not _has_years_of_four_digits(values, target.unit):
            return None

        return values

    def _read(self, array: pa.Array) -> Values:
        name = self.column.name
        rows = [{name: form} for form in json_forms(array)]
        decoded = self._reader.read(msgspec.json.encode({"instances": rows}))
        values = decoded.columns[name]
        bad = np.ones(len(array), dtype=bool)
        bad[decoded.kept] = False
        if not bad.any():
            return values, bad

        every = np.zeros((len(array), *values.shape[1:]), dtype=values.dtype)
        every[decoded.kept] = values
        return every, bad


def _counted_type(kind: object, given: pa.DataType) -> pa.DataType | None:
    """Arrow's type of the column's own unit, None where the values are no such counts."""
    if isinstance(kind, Durations) and kinds.is_duration(given):
        return pa.duration(kind.unit)

    if not isinstance(kind, Datetimes) or not kinds.is_timestamp(given):
        return None
    if (given.tz is not None) != kind.zoned:
        return None

    return pa.timestamp(kind.unit, given.tz)


def _has_years_of_four_digits(values: np.ndarray, unit: str) -> bool:
    # Nanoseconds do not reach so far.
    if unit == "ns":
        return True

    return not ((values < FIRST_YEAR) | (values >= AFTER_LAST_YEAR)).any()
