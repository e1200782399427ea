"""Fits numbers, booleans and texts, without a Python object a row where that can be."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from batch.inputs.json_forms import without_dictionary
from service.bundle import Column
from service.columns.plain import FLOAT_LIMIT, HALF_LIMIT, NARROW

EXACT_WHOLE = 2**53
"""Beyond it a float stands for several whole numbers."""

Values = tuple[np.ndarray, np.ndarray]
"""Values as the models take them, and of each whether it is bad."""


def plain_values(array: pa.Array, column: Column) -> Values:
    """The values of a column of one of the plain dtypes."""
    values, bad = CONVERTERS[column.dtype](array, column)
    # Of floats NaN is a null too, and bad so far.
    if not bad.any() and (column.nullable or array.null_count == 0):
        return values, bad

    nulls = nulls_of(array)
    if not column.nullable:
        return values, bad | nulls

    return values, bad & ~nulls


def nulls_of(array: pa.Array) -> np.ndarray:
    """Which values are null; NaN is one too, since JSON has none."""
    if array.null_count == 0 and not kinds.is_floating(array.type):
        return np.zeros(len(array), dtype=bool)

    nulls: np.ndarray = pc.is_null(array, nan_is_null=True).to_numpy(zero_copy_only=False)
    return nulls


def _floats(array: pa.Array, column: Column) -> Values:
    array = without_dictionary(array)
    values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    # Arrow's own memory is not to be written to, and a pipeline may.
    values = np.require(values, requirements="W")
    narrow = column.frame is not None and "float16" in column.frame.dtype.lower()
    limit = HALF_LIMIT if narrow else FLOAT_LIMIT
    if not kinds.is_integer(array.type) and _all_within(values, limit, array.null_count):
        return values, np.zeros(len(values), dtype=bool)

    # NaN is within no limit.
    bad = ~(np.abs(values) <= limit)
    if kinds.is_integer(array.type):
        bad |= _inexact(array)

    return values, bad


def _all_within(values: np.ndarray, limit: float, nulls: int) -> bool:
    """Whether all are finite and no larger, seen from the largest two, which NaN is one of."""
    return nulls == 0 and len(values) > 0 and bool(values.min() >= -limit and values.max() <= limit)


def _inexact(array: pa.Array) -> np.ndarray:
    """Which whole numbers no float holds for certain."""
    whole = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    if whole.dtype.kind == "u":
        return np.asarray(whole > EXACT_WHOLE)

    return np.asarray((whole > EXACT_WHOLE) | (whole < -EXACT_WHOLE))


def _ints(array: pa.Array, column: Column) -> Values:
    array = without_dictionary(array)
    bad = np.zeros(len(array), dtype=bool)
    if kinds.is_floating(array.type):
        floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(floats) <= EXACT_WHOLE) | (floats != np.floor(floats))

        whole = np.where(bad, 0.0, floats).astype(np.int64)
    elif kinds.is_null(array.type):
        whole = np.zeros(len(array), dtype=np.int64)
    else:
        whole = _filled(array, 0)

    limits = _limits(column)
    bad |= _beyond(whole, limits)
    whole = whole.astype(np.uint64 if limits.dtype == np.uint64 else np.int64)
    if not column.nullable:
        return whole, bad

    values = whole.astype(object)
    values[nulls_of(array)] = None
    return values, bad


def _limits(column: Column) -> np.iinfo:
    """The limits of the frame's integers; those of 64 bits where it holds no such dtype."""
    held = "" if column.frame is None else column.frame.dtype
    name = held.partition("[")[0].lower()
    if name in (*NARROW, "uint64"):
        return np.iinfo(name)

    return np.iinfo(np.int64)


def _beyond(values: np.ndarray, limits: np.iinfo) -> np.ndarray:
    within = values.dtype == limits.dtype
    if within or (len(values) and limits.min <= values.min() and values.max() <= limits.max):
        return np.zeros(len(values), dtype=bool)

    beyond = values > limits.max
    if values.dtype.kind != "u":
        beyond |= values < limits.min

    return np.asarray(beyond)


def _bools(array: pa.Array, column: Column) -> Values:
    array = without_dictionary(array)
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
    return texts[_filled(array.indices, len(texts) - 1)], good


def _filled(array: pa.Array, value: int) -> np.ndarray:
    """Whole numbers with a value in place of nulls."""
    if array.null_count:
        array = pc.fill_null(array, value)

    filled: np.ndarray = array.to_numpy(zero_copy_only=False)
    return filled


CONVERTERS: dict[str, Callable[[pa.Array, Column], Values]] = {
    "float": _floats,
    "int": _ints,
    "bool": _bools,
    "string": _texts,
}
