"""From JSON to columns: rows are decoded straight into the bundle's signature, and whoever does not fit is named.

The whole body is decoded at once in C. Only when that fails is it decoded row by row, to find who is at fault.
"""

from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np

from service.bundle import Column

FLOAT_LIMIT = 3.4028234e38
INT_LIMIT = 2**63
LONGEST_NUMBER = 64
HALF_LIMIT = 65504.0
_WIDTHS = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64")
# What a decoder raises on bytes from anybody; the last where they are nested beyond reason.
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_KINDS: dict[str, Any] = {
    "float": Annotated[float, msgspec.Meta(ge=-FLOAT_LIMIT, le=FLOAT_LIMIT)],
    "int": Annotated[int, msgspec.Meta(ge=-INT_LIMIT, le=INT_LIMIT - 1)],
    "bool": bool,
    "string": str,
}
Columns = dict[str, np.ndarray]


class Malformed(Exception):
    """The body is not `{"instances": [...]}`."""


class RowError(msgspec.Struct, frozen=True):
    """One row at fault. status: 422 it does not fit the columns, 500 the pipeline failed on it."""

    row: int
    status: int
    column: str | None
    detail: str


class Decoded(msgspec.Struct, frozen=True):
    """Rows that fit (their places in the request, their values as columns), and the others' errors."""

    total: int
    kept: list[int]
    columns: Columns
    errors: list[RowError]


class _Outline(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[msgspec.Raw]


class RowReader:
    """Decodes bodies for one signature."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        fields: Any = [(f"c{i}", _kind(column)) for i, column in enumerate(columns)]
        renamed = {f"c{i}": column.name for i, column in enumerate(columns)}
        row: Any = msgspec.defstruct(
            "Row", fields, rename=lambda name: renamed[name], forbid_unknown_fields=True, array_like=False, gc=False
        )
        body: Any = msgspec.defstruct("Body", [("instances", list[row])], forbid_unknown_fields=True, gc=False)
        self._row: Any = msgspec.json.Decoder(row)
        self._body: Any = msgspec.json.Decoder(body)
        self._outline = msgspec.json.Decoder(_Outline)
        self._values = attrgetter(*(f"c{i}" for i in range(len(columns))))
        self._wholes = {column.name for column in columns if column.dtype == "int"}
        self._dtypes = [_dtype(column) for column in columns]

    def read(self, body: bytes) -> Decoded:
        """The rows of a body; raises Malformed where it is not JSON of the right outline."""
        try:
            rows = self._body.decode(body).instances
        except NOT_JSON:
            return self._read_one_by_one(body)
        return Decoded(len(rows), list(range(len(rows))), self._to_columns(rows), [])

    def row_columns(self, rows: list[dict[str, Any]]) -> Columns:
        """Columns of rows that are Python dictionaries (golden rows); raises msgspec.ValidationError."""
        return self._to_columns([msgspec.convert(row, self._row.type) for row in rows])

    def _read_one_by_one(self, body: bytes) -> Decoded:
        try:
            raws = self._outline.decode(body).instances
        except NOT_JSON as error:
            raise Malformed(f'the body is not {{"instances": [{{column: value}}, ...]}}: {error}') from error
        kept: list[int] = []
        rows: list[Any] = []
        errors: list[RowError] = []
        for index, raw in enumerate(raws):
            try:
                rows.append(self._decoded(raw))
                kept.append(index)
            except msgspec.ValidationError as error:
                errors.append(_row_error(index, str(error)))
            except NOT_JSON as error:
                raise Malformed(f"row {index} is not JSON: {error}") from error
        return Decoded(len(raws), kept, self._to_columns(rows), errors)

    def _decoded(self, raw: msgspec.Raw) -> Any:
        """One row; 3.0 in an integer column is the integer that it is. Raises msgspec.ValidationError."""
        try:
            return self._row.decode(raw)
        except msgspec.ValidationError as error:
            if not self._wholes or "got `float`" not in str(error):
                raise
        values = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        for name in self._wholes & values.keys():
            values[name] = _whole(values[name])
        return self._row.decode(msgspec.json.encode(values))

    def _to_columns(self, rows: list[Any]) -> Columns:
        # One pass in C over all rows and columns; with one column the getter gives no tuple.
        rows_of_values = map(self._values, rows)
        values = zip(*rows_of_values, strict=True) if len(self.columns) > 1 else [list(rows_of_values)]
        by_column = list(values) if rows else [()] * len(self.columns)
        return {
            column.name: np.array(each, dtype=kind)
            for column, kind, each in zip(self.columns, self._dtypes, by_column, strict=True)
        }


def _whole(raw: msgspec.Raw) -> msgspec.Raw:
    """A number's JSON without its fraction where that is zero, to the last digit; any other JSON as it is."""
    text = bytes(raw)
    if len(text) > LONGEST_NUMBER or not (text[:1].isdigit() or text[:1] == b"-"):
        return raw
    number = Decimal(text.decode())
    if not -INT_LIMIT <= number < INT_LIMIT or number != number.to_integral_value():
        return raw
    return msgspec.Raw(b"%d" % int(number))


def _kind(column: Column) -> Any:
    kind = _narrow(column) or _KINDS[column.dtype]
    return kind | None if column.nullable else kind


def _narrow(column: Column) -> Any:
    """Numbers that the column of the pipeline's frame can hold, where it is narrower than 64 bits; else None."""
    held = column.frame.dtype if column.frame else ""
    # pandas' own dtypes have the names of numpy's, with a capital letter or with their library: int8[pyarrow].
    name = held.partition("[")[0].lower()
    if column.dtype == "int" and name in _WIDTHS:
        limits = np.iinfo(name)
        return Annotated[int, msgspec.Meta(ge=int(limits.min), le=min(int(limits.max), INT_LIMIT - 1))]
    if column.dtype == "float" and name == "float16":
        return Annotated[float, msgspec.Meta(ge=-HALF_LIMIT, le=HALF_LIMIT)]
    return None


def _dtype(column: Column) -> type:
    """float as float64 with NaN for null, int as int64, bool as bool; texts and what may be null beside as objects."""
    if column.dtype == "float":
        return np.float64
    # As floats, nullable integers beyond 2^53 would lose their last digits.
    if column.dtype == "string" or column.nullable:
        return object
    return np.int64 if column.dtype == "int" else np.bool_


def _row_error(index: int, message: str) -> RowError:
    """msgspec ends its message with the path: `Expected `float`, got `str` - at `$.temp``."""
    text, _, path = message.partition(" - at `$")
    column = path.strip("`").lstrip(".") or None
    if column is None and "`" in text and ("missing" in text or "unknown" in text):
        column = text.rsplit("`", 2)[1]
    return RowError(index, 422, column, text.replace("Object", "The row"))
