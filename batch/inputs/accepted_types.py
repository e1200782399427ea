"""Which of Arrow's types a column takes without change, and what to write instead of others."""

from collections.abc import Callable
from operator import attrgetter

import pyarrow as pa
import pyarrow.types as kinds

from batch.errors import BatchError
from batch.inputs.arrow_types import is_bytes, is_list, is_number
from batch.inputs.row_chunks import require_columns
from service.bundle import Column, ValueForm
from service.columns.registry import column_kind

REMEDIES = {
    "float": "write it as float64",
    "int": "write it as whole numbers",
    "bool": "write it as booleans",
    "string": "write it as text",
    "date": "write it as date32",
    "time": "write it as time64[us]",
    "decimal": "write it as decimal128, or as text",
    "bytes": "write it as binary",
}
ITEMS = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "string": pa.string()}


def check_types(columns: list[Column], schema: pa.Schema, path: str) -> None:
    """Raise BatchError where a column is missing or cannot be held without change."""
    require_columns(list(map(attrgetter("name"), columns)), schema.names, path)
    for column in columns:
        given = _without_dictionary(schema.field(column.name).type)
        if not _accepts(column, given):
            raise BatchError(
                f"{path}: column {column.name!r} holds {given}, and the model takes "
                f"{column.dtype}: {_remedy(column)}"
            )


def _accepts(column: Column, given: pa.DataType) -> bool:
    if kinds.is_null(given):
        return True

    return _ACCEPTS[column.dtype](given, column.form or ValueForm())


def _without_dictionary(given: pa.DataType) -> pa.DataType:
    if kinds.is_dictionary(given):
        return given.value_type

    return given


def _remedy(column: Column) -> str:
    form = column.form or ValueForm()
    match column.dtype:
        case "datetime" if form.zone is not None:
            return f"write it as timestamp[{form.unit}] with a zone, such as UTC"
        case "datetime":
            return f"write it as timestamp[{form.unit}] without a zone"
        case "duration":
            return f"write it as duration[{form.unit}], or as text such as PT90.5S"
        case "period":
            return f"write {column_kind(column).to_send}"
        case "array":
            return f"write it as {_list_type(form)}"
        case plain:
            return REMEDIES[plain]


def _list_type(form: ValueForm) -> pa.DataType:
    listed = ITEMS[form.items]
    for _ in form.shape:
        listed = pa.list_(listed)

    return listed


def _is_number(given: pa.DataType, _form: ValueForm) -> bool:
    return is_number(given)


def _is_bool(given: pa.DataType, _form: ValueForm) -> bool:
    return bool(kinds.is_boolean(given))


def _is_text(given: pa.DataType, _form: ValueForm) -> bool:
    return bool(kinds.is_string(given) or kinds.is_large_string(given))


def _is_datetime(given: pa.DataType, form: ValueForm) -> bool:
    if kinds.is_timestamp(given):
        return (given.tz is not None) == (form.zone is not None)
    if kinds.is_date(given):
        return form.zone is None

    return _is_text(given, form)


def _is_date(given: pa.DataType, form: ValueForm) -> bool:
    return bool(kinds.is_date(given)) or _is_text(given, form)


def _is_time(given: pa.DataType, form: ValueForm) -> bool:
    return bool(kinds.is_time(given)) or _is_text(given, form)


def _is_duration(given: pa.DataType, form: ValueForm) -> bool:
    return bool(kinds.is_duration(given)) or _is_text(given, form)


def _is_decimal(given: pa.DataType, form: ValueForm) -> bool:
    return bool(kinds.is_decimal(given) or kinds.is_integer(given)) or _is_text(given, form)


def _is_bytes(given: pa.DataType, form: ValueForm) -> bool:
    return is_bytes(given) or _is_text(given, form)


def _is_array(given: pa.DataType, form: ValueForm) -> bool:
    for _ in form.shape:
        if not is_list(given):
            return False
        given = given.value_type

    return _ITEMS[form.items](given)


def _is_item_of_floats(given: pa.DataType) -> bool:
    """Of whole numbers those that every float holds."""
    if kinds.is_integer(given):
        return bool(given.bit_width <= 32)

    return bool(kinds.is_float32(given) or kinds.is_float64(given))


def _is_item_of_texts(given: pa.DataType) -> bool:
    return _is_text(given, ValueForm())


_ACCEPTS: dict[str, Callable[[pa.DataType, ValueForm], bool]] = {
    "float": _is_number,
    "int": _is_number,
    "bool": _is_bool,
    "string": _is_text,
    "datetime": _is_datetime,
    "date": _is_date,
    "time": _is_time,
    "duration": _is_duration,
    "period": _is_text,
    "decimal": _is_decimal,
    "bytes": _is_bytes,
    "array": _is_array,
}
_ITEMS: dict[str, Callable[[pa.DataType], bool]] = {
    "float": _is_item_of_floats,
    "int": kinds.is_integer,
    "bool": kinds.is_boolean,
    "string": _is_item_of_texts,
}
