"""Decodes the rows of a JSON body into the columns of a bundle's signature.

The whole body is decoded at once in C. Only where that fails is it decoded row by row, to name the
rows and columns at fault.
"""

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from service.bundle import Column
from service.columns.kind import BadValue, ColumnKind
from service.columns.registry import column_kind

# Beyond it a float stands for several integers.
EXACT_FLOATS = 2.0**53
# A column's name and a message that hold a caller's text are cut to these many characters.
LONGEST_COLUMN, LONGEST_DETAIL = 128, 300
# What a decoder raises on arbitrary bytes; the last where they are nested too deeply.
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Columns = dict[str, np.ndarray]

_UNUSUAL = re.compile(r'["\\\x00-\x1f\x7f-\x9f]')


def row_count(columns: Columns) -> int:
    """How many rows the columns hold; there is at least one column."""
    return len(next(iter(columns.values())))


def take_rows(columns: Columns, rows: slice | list[int] | np.ndarray) -> Columns:
    """Some of the rows: by a slice, by their numbers, or by a mask."""
    return {name: array[rows] for name, array in columns.items()}


class Malformed(Exception):
    """The body is not `{"instances": [...]}`."""


class BadRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row at fault.

    status: 422 it does not fit the columns, 500 the pipeline failed on it.
    attributed: False where it failed together with others, and there was no time to find which of
    them is at fault.
    """

    row: int
    status: int
    column: str | None
    detail: str
    attributed: bool = True


class Decoded(msgspec.Struct, frozen=True):
    """The rows of a request. kept: numbers of those that fit; columns: their values.

    errors: of the other rows.
    """

    total: int
    kept: list[int]
    columns: Columns
    errors: list[BadRow]


class Unfit(msgspec.ValidationError):
    """A row does not fit its columns. column: the one at fault, None where the row is no object."""

    def __init__(self, column: str | None, detail: str) -> None:
        message = detail
        if column is not None:
            message += f" - at `$.{column}`"

        super().__init__(message)
        self.column, self.detail = column, detail


class RowByName:
    """Decodes a row value by value.

    Slower than a struct, but it knows which column is at fault and takes columns of any name.
    """

    def __init__(self, columns: list[Column]) -> None:
        self.type = dict[str, Any]
        self._kinds = {column.name: _json_type(column) for column in columns}
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in self._kinds.items()}
        self._ints = {column.name for column in columns if column.dtype == "int"}
        self._outline = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """The values in the order of the columns; raises Unfit, msgspec.DecodeError for no JSON."""
        try:
            given = self._outline.decode(raw)
        except msgspec.ValidationError as error:
            raise Unfit(None, str(error)) from error

        return self._in_order(given, self._decode)

    def convert(self, row: dict[str, Any]) -> dict[str, Any]:
        """The same of a Python dictionary."""
        return self._in_order(row, self._convert)

    def _decode(self, name: str, value: msgspec.Raw) -> Any:
        try:
            return self._decoders[name].decode(value)
        except msgspec.ValidationError:
            if name not in self._ints:
                raise

            number = _whole_float(value)
            if number is None:
                raise

            return self._decoders[name].decode(str(number))

    def _convert(self, name: str, value: Any) -> Any:
        return msgspec.convert(value, self._kinds[name])

    def _in_order(self, given: dict[str, Any], decode: Callable[[str, Any], Any]) -> dict[str, Any]:
        """The decoded values in the order of the columns; raises Unfit."""
        values = {}
        for name, value in given.items():
            if name not in self._kinds:
                raise Unfit(name, f"The row contains unknown field `{name}`")

            try:
                values[name] = decode(name, value)
            except msgspec.ValidationError as error:
                raise Unfit(name, str(error)) from error

        for name in self._kinds:
            if name not in values:
                raise Unfit(name, f"The row missing required field `{name}`")

        return {name: values[name] for name in self._kinds}


class _Outline(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[msgspec.Raw]


class RowReader:
    """Decodes bodies for one signature."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self._by_name = RowByName(columns)
        self._outline = msgspec.json.Decoder(_Outline)
        self._kinds = list(map(column_kind, columns))
        self._to_send = _to_send(columns, self._kinds)
        # A field of msgspec's cannot have such a name.
        self._plain = not any(_UNUSUAL.search(column.name) for column in columns)
        if self._plain:
            self._compile(columns)
        else:
            self._values: Callable[[Any], Any] = _values_of(len(columns))

    def _compile(self, columns: list[Column]) -> None:
        """Make the decoders of whole bodies and of rows; their fields are c0, c1, ..."""
        fields: list[Any] = []
        lenient_fields: list[Any] = []
        names: dict[str, str] = {}
        self._int_fields: list[str] = []
        for number, column in enumerate(columns):
            field, kind = f"c{number}", _json_type(column)
            names[field] = column.name
            fields.append((field, kind))
            if column.dtype == "int":
                self._int_fields.append(field)
                lenient_fields.append((field, kind | float))
            else:
                lenient_fields.append((field, kind))

        row: Any = _struct("Row", fields, names)
        body: Any = msgspec.defstruct(
            "Body", [("instances", list[row])], forbid_unknown_fields=True, gc=False
        )
        self._row: Any = msgspec.json.Decoder(row)
        self._lenient_row: Any = msgspec.json.Decoder(_struct("LenientRow", lenient_fields, names))
        self._body: Any = msgspec.json.Decoder(body)
        self._values = attrgetter(*names)

    def read(self, body: bytes) -> Decoded:
        """The rows of a body; raises Malformed where it is not JSON of the right outline."""
        if not self._plain:
            return self._read_one_by_one(body)

        try:
            rows = self._body.decode(body).instances
            columns = self._to_columns(rows)
        except (*NOT_JSON, BadValue):
            return self._read_one_by_one(body)

        return Decoded(len(rows), list(range(len(rows))), columns, [])

    def row_columns(self, rows: list[dict[str, Any]]) -> Columns:
        """Columns of rows that are dictionaries (golden rows); raises msgspec.ValidationError."""
        if self._plain:
            converted = [msgspec.convert(row, self._row.type) for row in rows]
        else:
            converted = list(map(self._by_name.convert, rows))

        try:
            return self._to_columns(converted)
        except BadValue:
            for row in converted:
                self._check(row)
            raise

    def _read_one_by_one(self, body: bytes) -> Decoded:
        try:
            raws = self._outline.decode(body).instances
        except NOT_JSON as error:
            raise Malformed(
                f'the body is not {{"instances": [{{column: value}}, ...]}}: {error}'
            ) from error

        kept: list[int] = []
        rows: list[Any] = []
        errors: list[BadRow] = []
        for index, raw in enumerate(raws):
            try:
                row = self._decode_row(raw)
                self._check(row)
                rows.append(row)
                kept.append(index)
            except msgspec.ValidationError as error:
                errors.append(self._fault(index, raw, error))
            except NOT_JSON as error:
                raise Malformed(f"row {index} is not JSON: {error}") from error

        return Decoded(len(raws), kept, self._to_columns(rows), errors)

    def _check(self, row: Any) -> None:
        """Raise Unfit where a value is none that its column holds."""
        if not self._to_send:
            return

        values = self._values(row)
        if len(self.columns) == 1:
            values = (values,)

        for column, kind, value in zip(self.columns, self._kinds, values, strict=True):
            try:
                kind.array([value])
            except BadValue as error:
                raise Unfit(column.name, str(error)) from error

    def _fault(self, index: int, raw: msgspec.Raw, error: msgspec.ValidationError) -> BadRow:
        """The error with its column, which msgspec's sentence does not mark off."""
        if isinstance(error, Unfit):
            return _row_error(index, error.column, error.detail)

        try:
            self._by_name.decode(raw)
        except Unfit as unfit:
            detail = unfit.detail
            if unfit.column in self._to_send and detail.startswith(("Expected", "Invalid")):
                detail += f": send {self._to_send[unfit.column]}"

            return _row_error(index, unfit.column, detail)

        # The row has one name twice, of which the first value does not fit.
        return _row_error(index, None, str(error))

    def _decode_row(self, raw: msgspec.Raw) -> Any:
        """One row, in which an integer may be written 3.0; raises msgspec.ValidationError."""
        if not self._plain:
            return self._by_name.decode(raw)

        try:
            return self._row.decode(raw)
        except msgspec.ValidationError:
            if not self._int_fields:
                raise

            whole = self._with_whole_floats(raw)
            if whole is None:
                raise

            return self._row.decode(whole)

    def _with_whole_floats(self, raw: msgspec.Raw) -> bytes | None:
        """The row with 3 for 3.0 in integer columns; None where something else is at fault."""
        try:
            row = self._lenient_row.decode(raw)
        except msgspec.ValidationError:
            return None

        for name in self._int_fields:
            value = getattr(row, name)
            if isinstance(value, float):
                if not _is_whole(value):
                    return None
                setattr(row, name, int(value))

        return msgspec.json.encode(row)

    def _to_columns(self, rows: list[Any]) -> Columns:
        # One pass in C over all rows and columns; with one column the getter gives no tuple.
        rows_of_values = map(self._values, rows)
        if not rows:
            by_column: list[Any] = [()] * len(self.columns)
        elif len(self.columns) == 1:
            by_column = [list(rows_of_values)]
        else:
            by_column = list(zip(*rows_of_values, strict=True))

        return {
            column.name: kind.array(values)
            for column, kind, values in zip(self.columns, self._kinds, by_column, strict=True)
        }


def _struct(name: str, fields: list[Any], names: dict[str, str]) -> Any:
    """The type of a row. names: of the columns, by field."""
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=True, gc=False)


def _is_whole(number: float) -> bool:
    """Whether a float stands for exactly one integer."""
    return number.is_integer() and abs(number) <= EXACT_FLOATS


def _whole_float(raw: msgspec.Raw) -> int | None:
    """The integer that is written 3.0; None for all else."""
    try:
        number = msgspec.json.decode(raw, type=float)
    except msgspec.ValidationError:
        return None

    if _is_whole(number):
        return int(number)

    return None


def _values_of(count: int) -> Callable[[dict[str, Any]], Any]:
    """The values of a row; with one column the value itself, as attrgetter has it."""
    if count > 1:
        return lambda row: tuple(row.values())

    return lambda row: next(iter(row.values()))


def _json_type(column: Column) -> Any:
    kind = column_kind(column).json_type
    if column.nullable:
        return kind | None

    return kind


def _to_send(columns: list[Column], kinds: list[ColumnKind]) -> dict[str | None, str]:
    """What to send, by column, of those whose values are more than plain JSON."""
    words: dict[str | None, str] = {}
    for column, kind in zip(columns, kinds, strict=True):
        if kind.to_send:
            words[column.name] = kind.to_send

    return words


def _row_error(index: int, column: str | None, text: str) -> BadRow:
    """The error that msgspec or RowByName names, with the next step."""
    if column is None and text.startswith("Expected `object`"):
        text += ": send an object {column: value} for each row"

    if column is not None:
        column = _short(column, LONGEST_COLUMN)

    detail = text.replace("Object", "The row", 1)
    return BadRow(index, 422, column, _short(detail, LONGEST_DETAIL))


def _short(text: str, most: int) -> str:
    if len(text) <= most:
        return text

    return f"{text[:most]}..."
