"""Arrow values as a row of a request has them: ISO 8601, decimal texts, base64, lists."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from batch.inputs.arrow_types import is_bytes, is_list

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY_S = 86_400
# A time of day is counted on the first day.
FIRST_DAY = "1970-01-01T"


def json_forms(array: pa.Array) -> list[Any]:
    """The values for a row of JSON each, None for null; what has no form there is not changed."""
    array = without_dictionary(array)
    for is_kind, form in _FORMS:
        if is_kind(array.type):
            return form(array)

    values: list[Any] = array.to_pylist()
    return values


def without_dictionary(array: pa.Array) -> pa.Array:
    """The values themselves, where the array holds their numbers in a dictionary."""
    if kinds.is_dictionary(array.type):
        return array.dictionary_decode()

    return array


def _forms_of(values: list[Any], form: Callable[[Any], Any]) -> list[Any]:
    """The forms of the values, None for null."""
    forms = []
    for value in values:
        forms.append(None if value is None else form(value))

    return forms


def _floats(array: pa.Array) -> list[Any]:
    values: list[Any] = pc.cast(array, pa.float64()).to_pylist()
    return values


def _timestamps(array: pa.Array) -> list[Any]:
    offset = "" if array.type.tz is None else "Z"
    texts = np.datetime_as_string(array.to_numpy(zero_copy_only=False)).tolist()
    return _forms_of(texts, lambda text: None if text == "NaT" else f"{text}{offset}")


def _days(array: pa.Array) -> list[Any]:
    return _timestamps(pc.cast(pc.cast(array, pa.date32()), pa.timestamp("s")))


def _dates(array: pa.Array) -> list[Any]:
    return _forms_of(_days(array), lambda text: text.partition("T")[0])


def _times(array: pa.Array) -> list[Any]:
    counts = pc.cast(array, pa.int32() if kinds.is_time32(array.type) else pa.int64())
    moments = pc.cast(counts, pa.int64()).cast(pa.timestamp(array.type.unit))
    texts = _timestamps(moments)
    return _forms_of(texts, lambda text: text.removeprefix(FIRST_DAY))


def _durations(array: pa.Array) -> list[Any]:
    counts = pc.cast(array, pa.int64()).to_pylist()
    return _forms_of(counts, lambda count: _duration(count, array.type.unit))


def _duration(count: int, unit: str) -> str:
    """Such as -P1DT3.5S."""
    seconds, rest = divmod(abs(count), PER_SECOND[unit])
    days, seconds = divmod(seconds, DAY_S)
    digits = len(str(PER_SECOND[unit])) - 1
    fraction = f".{rest:0{digits}}" if rest else ""
    sign = "-" if count < 0 else ""
    return f"{sign}P{days}DT{seconds}{fraction}S"


def _decimals(array: pa.Array) -> list[Any]:
    return _forms_of(array.to_pylist(), str)


def _bytes(array: pa.Array) -> list[Any]:
    return _forms_of(array.to_pylist(), lambda value: base64.b64encode(value).decode())


def _lists(array: pa.Array) -> list[Any]:
    """Lists, in which NaN is the encoder's null; infinity must not become one."""
    values: list[Any] = array.to_pylist()
    items = array
    while is_list(items.type):
        items = items.flatten()

    if kinds.is_floating(items.type) and pc.any(pc.is_inf(items)).as_py():
        return list(map(_with_named_infinity, values))

    return values


def _with_named_infinity(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_with_named_infinity, value))
    if isinstance(value, float) and np.isinf(value):
        return str(value)

    return value


_FORMS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...] = (
    (kinds.is_floating, _floats),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_date, _dates),
    (kinds.is_time, _times),
    (kinds.is_duration, _durations),
    (kinds.is_decimal, _decimals),
    (is_bytes, _bytes),
    (is_list, _lists),
)
