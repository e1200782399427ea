"""Fits Arrow columns to a bundle's columns, without a Python object a row where that can be.

Values that the service would refuse mark their row as bad. The words come from the service's own
reader, so that a row is refused for the same reason in a file as in a request.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from batch.errors import BatchError
from service.bundle import Column
from service.rows import FLOAT_LIMIT, Columns, RowReader, take_rows

EXACT_WHOLE = 2**53
"""Beyond it a float stands for several whole numbers."""
_REMEDIES = {
    "float": "write it as float64",
    "int": "write it as int64",
    "bool": "write it as booleans",
    "string": "write it as text",
}


@dataclass(frozen=True)
class Fitted:
    """The rows of a batch that fit. kept: their numbers; bad: of the others the reason."""

    rows: int
    kept: np.ndarray
    columns: Columns
    bad: dict[int, str]


Values = tuple[np.ndarray, np.ndarray]
"""Values as the models take them, and of each whether it is bad."""


class ColumnFitter:
    """Fits record batches to one signature."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self._reader = RowReader(columns)

    def fit(self, batch: pa.RecordBatch) -> Fitted:
        """The rows as columns; the batch's types were checked before."""
        values: Columns = {}
        bad = np.zeros(batch.num_rows, dtype=bool)
        for column in self.columns:
            values[column.name], wrong = _values(batch.column(column.name), column)
            bad |= wrong

        if not bad.any():
            return Fitted(batch.num_rows, np.arange(batch.num_rows), values, {})

        kept = np.flatnonzero(~bad)
        reasons = {int(row): self._reason(batch, int(row)) for row in np.flatnonzero(bad)}
        return Fitted(batch.num_rows, kept, take_rows(values, kept), reasons)

    def _reason(self, batch: pa.RecordBatch, row: int) -> str:
        """Why the service would refuse the row."""
        given = {column.name: batch.column(column.name)[row].as_py() for column in self.columns}
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


def check_types(columns: list[Column], schema: pa.Schema, path: str) -> None:
    """Raise BatchError where a column is missing or cannot be held without change."""
    for column in columns:
        position = schema.get_field_index(column.name)
        if position < 0:
            names = ", ".join(schema.names[:20])
            raise BatchError(f"{path} has no column {column.name!r} (it has {names})")

        given = _plain_type(schema.field(position).type)
        if not _ACCEPTS[column.dtype](given):
            raise BatchError(
                f"{path}: column {column.name!r} holds {given}, and the model takes "
                f"{column.dtype}: {_REMEDIES[column.dtype]}"
            )


def _plain_type(given: pa.DataType) -> pa.DataType:
    if kinds.is_dictionary(given):
        return given.value_type

    return given


def _is_number(given: pa.DataType) -> bool:
    return bool(kinds.is_integer(given) or kinds.is_floating(given) or kinds.is_null(given))


def _is_bool(given: pa.DataType) -> bool:
    return bool(kinds.is_boolean(given) or kinds.is_null(given))


def _is_text(given: pa.DataType) -> bool:
    return bool(kinds.is_string(given) or kinds.is_large_string(given) or kinds.is_null(given))


_ACCEPTS: dict[str, Callable[[pa.DataType], bool]] = {
    "float": _is_number,
    "int": _is_number,
    "bool": _is_bool,
    "string": _is_text,
}


def _values(array: pa.Array, column: Column) -> Values:
    values, bad = _CONVERTERS[column.dtype](array, column)
    nulls = _nulls(array)
    if not column.nullable:
        return values, bad | nulls

    return values, bad & ~nulls


def _nulls(array: pa.Array) -> np.ndarray:
    """NaN is a null too: JSON has none."""
    if array.null_count == 0 and not kinds.is_floating(array.type):
        return np.zeros(len(array), dtype=bool)

    nulls: np.ndarray = pc.is_null(array, nan_is_null=True).to_numpy(zero_copy_only=False)
    return nulls


def _floats(array: pa.Array, column: Column) -> Values:
    array = _decoded(array)
    values = np.array(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(values) | (np.abs(values) > FLOAT_LIMIT)
        if kinds.is_integer(array.type):
            bad |= _inexact(array)

        if column.frame is not None and "float16" in column.frame.dtype.lower():
            bad |= np.abs(values) > np.finfo(np.float16).max

    return values, bad


def _inexact(array: pa.Array) -> np.ndarray:
    """Which whole numbers no float holds for certain."""
    whole = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    if whole.dtype.kind == "u":
        return np.asarray(whole > EXACT_WHOLE)

    return np.asarray((whole > EXACT_WHOLE) | (whole < -EXACT_WHOLE))


def _ints(array: pa.Array, column: Column) -> Values:
    array = _decoded(array)
    bad = np.zeros(len(array), dtype=bool)
    if kinds.is_floating(array.type):
        floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(floats) <= EXACT_WHOLE) | (floats != np.floor(floats))

        whole = np.where(bad, 0.0, floats).astype(np.int64)
    else:
        filled = pc.fill_null(array, 0)
        whole = filled.to_numpy(zero_copy_only=False)
        bad |= _beyond(whole, np.iinfo(np.int64))
        whole = whole.astype(np.int64)

    if column.frame is not None:
        bad |= _beyond(whole, _limits(column.frame.dtype))

    if not column.nullable:
        return whole, bad

    values = whole.astype(object)
    values[_nulls(array)] = None
    return values, bad


def _limits(dtype: str) -> np.iinfo:
    """The limits of a frame's integers; those of 64 bits where it is no such dtype."""
    name = dtype.partition("[")[0].lower()
    if name in ("int8", "int16", "int32", "uint8", "uint16", "uint32"):
        return np.iinfo(name)

    return np.iinfo(np.int64)


def _beyond(values: np.ndarray, limits: np.iinfo) -> np.ndarray:
    beyond = values > limits.max
    if values.dtype.kind != "u":
        beyond |= values < limits.min

    return np.asarray(beyond)


def _bools(array: pa.Array, column: Column) -> Values:
    array = _decoded(array)
    good = np.zeros(len(array), dtype=bool)
    if kinds.is_null(array.type):
        return np.full(len(array), None, dtype=object), good

    if not column.nullable:
        return pc.fill_null(array, False).to_numpy(zero_copy_only=False), good

    return array.to_numpy(zero_copy_only=False).astype(object), good


def _texts(array: pa.Array, _column: Column) -> Values:
    """Through a dictionary: so each distinct text becomes one Python object."""
    good = np.zeros(len(array), dtype=bool)
    if kinds.is_null(array.type):
        return np.full(len(array), None, dtype=object), good

    if not kinds.is_dictionary(array.type):
        array = pc.dictionary_encode(array)

    texts = np.array([*array.dictionary.to_pylist(), None], dtype=object)
    indices = pc.fill_null(array.indices, len(texts) - 1).to_numpy(zero_copy_only=False)
    return texts[indices], good


def _decoded(array: pa.Array) -> pa.Array:
    if kinds.is_dictionary(array.type):
        return array.dictionary_decode()

    return array


_CONVERTERS: dict[str, Callable[[pa.Array, Column], Values]] = {
    "float": _floats,
    "int": _ints,
    "bool": _bools,
    "string": _texts,
}
