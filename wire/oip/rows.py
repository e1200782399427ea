"""Turns tensors into rows: one tensor a column, or one tensor [n, k] for all columns."""

from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import msgspec

from wire.oip.binary import values_of
from wire.oip.datatypes import require_known, values_in
from wire.oip.errors import OipError, TooLarge
from wire.oip.request import MOST_VALUES, SentTensors, Tensor
from wire.oip.signature import TensorSignature

_NONE: frozenset[str] = frozenset()
MOST_NAME_BYTES = 32 * 1024 * 1024
MOST_DIMENSIONS = 5
"""Of a tensor: the rows, and those of the arrays that a column may have."""
MOST_EMPTY_LISTS = 4_096
"""Lists without a value in them, of all tensors of a request: a shape alone can ask for them."""
_list_of = msgspec.json.Decoder(list[Any]).decode
_encode = msgspec.json.Encoder().encode


class TensorTable:
    """The columns of a request. by_position: their names are those of the version's columns."""

    def __init__(self, names: tuple[str, ...], columns: list[list[Any]], by_position: bool) -> None:
        self._names, self._columns, self.by_position = names, columns, by_position
        self._rows: dict[tuple[str, ...], list[msgspec.Raw]] = {}

    def rows(self, order: Sequence[str] = ()) -> list[msgspec.Raw]:
        """The rows as raw JSON. order: names of the columns for values that came by position.

        A value beyond the names gets one that no version has: the version refuses the row."""
        names = self._names
        if self.by_position:
            names = as_many(order, len(self._columns))

        rows = self._rows.get(names)
        if rows is None:
            rows = self._rows[names] = rows_of(names, self._columns)
            if not self.by_position:
                # There are no other rows of them, and they are several times as large.
                self._columns = []

        return rows

    def release(self) -> None:
        """Forget the columns and the rows: they are on their way."""
        self._columns, self._rows = [], {}


def table_of(
    sent: SentTensors, most_rows: int | None = None, signature: TensorSignature | None = None
) -> TensorTable:
    """The columns of a request; raises OipError naming the tensor or row, or a decoder's error.

    most_rows: rows at most, as many as the values allow where it is None. signature: tells which
    columns have lists as values, whose tensors are [n, ...], and which take bytes as base64."""
    tensors = sent.request.inputs
    if not tensors:
        raise OipError("`inputs` is empty: send one tensor a column")

    arrays, as_base64 = _NONE, _NONE
    if signature is not None:
        arrays, as_base64 = signature.arrays, signature.bytes

    for tensor in tensors:
        _require_plain_text(tensor, as_base64)

    _require_few_lists([tensor for tensor in tensors if tensor.name in arrays])
    shapes = [tensor.shape for tensor in tensors]
    parts = sent.parts or [None] * len(tensors)
    _require_few(shapes, most_rows)
    if holds_all_columns(tensors, arrays):
        columns = _columns_of_one(tensors[0], shapes[0], parts[0])
        return TensorTable((), columns, by_position=True)

    names = tuple(tensor.name for tensor in tensors)
    _require_short(names, shapes)
    if len(set(names)) != len(names):
        raise OipError(f"input {first_twice(names)!r} is given twice")

    columns = [
        _column(tensor, shape, part, arrays)
        for tensor, shape, part in zip(tensors, shapes, parts, strict=True)
    ]
    if len(set(map(len, columns))) != 1:
        raise OipError("the inputs have different numbers of rows")

    return TensorTable(names, columns, by_position=False)


def _require_plain_text(tensor: Tensor, as_base64: frozenset[str]) -> None:
    encoded = tensor.parameters is not None and tensor.parameters.content_type == "base64"
    if encoded and tensor.name not in as_base64:
        raise OipError(
            f"input {tensor.name!r}: content type base64 is not offered: send the text itself"
        )


def rows_of(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[msgspec.Raw]:
    """Rows as raw JSON, of columns of equal length."""
    rows = zip(*columns, strict=True)
    return [msgspec.Raw(_encode(dict(zip(names, row, strict=True)))) for row in rows]


def holds_all_columns(tensors: list[Tensor], arrays: frozenset[str] = frozenset()) -> bool:
    """Whether the only tensor has the shape [n, k], and is no column with lists."""
    return len(tensors) == 1 and _is_wide(tensors[0].shape) and tensors[0].name not in arrays


def _is_wide(shape: list[int]) -> bool:
    return len(shape) == 2 and shape[1] > 1


def _require_few(shapes: list[list[int]], most_rows: int | None) -> None:
    """Raise TooLarge for more rows or values than are taken at once."""
    rows = max((shape[0] for shape in shapes if shape), default=0)
    if most_rows is not None and rows > most_rows:
        raise TooLarge(f"{rows} rows in one request: at most {most_rows} are allowed")

    values = sum(max(0, shape[0]) * max(1, _width(shape)) for shape in shapes if shape)
    if values > MOST_VALUES:
        raise TooLarge(
            f"{values} values in one request: at most {MOST_VALUES} are allowed, send the rows in "
            "several requests"
        )


def _require_few_lists(tensors: list[Tensor]) -> None:
    """Raise OipError for shapes that ask for more lists than the request has values for."""
    empty = 0
    for tensor in tensors:
        shape = tensor.shape
        if len(shape) > MOST_DIMENSIONS:
            raise OipError(
                f"input {tensor.name!r} has {len(shape)} dimensions: at most {MOST_DIMENSIONS} "
                "are read, see the metadata"
            )

        if min(shape, default=0) == 0:
            empty += _lists_of(shape)

        if empty > MOST_EMPTY_LISTS:
            raise TooLarge(
                f"input {tensor.name!r} has shape {shape}: with it the request has {empty} empty "
                f"lists: at most {MOST_EMPTY_LISTS} are allowed, send the rows in several requests"
            )


def _lists_of(shape: list[int]) -> int:
    """The lists that a tensor with arrays becomes: those of its rows, and those in them."""
    return sum(prod(shape[:depth]) for depth in range(1, len(shape)))


def _require_short(names: Sequence[str], shapes: list[list[int]]) -> None:
    """Raise TooLarge for names that would stand in too many rows: each row has all of them."""
    rows = max((shape[0] for shape in shapes if shape), default=0)
    size = rows * sum(map(len, names))
    if size > MOST_NAME_BYTES:
        raise TooLarge(
            f"the names of the inputs would take {size} bytes in {rows} rows: at most "
            f"{MOST_NAME_BYTES} are allowed, send the rows in several requests"
        )


def _width(shape: list[int]) -> int:
    """The values of one row."""
    return prod(shape[1:])


def _columns_of_one(tensor: Tensor, shape: list[int], part: memoryview | None) -> list[list[Any]]:
    rows, width = shape
    if rows < 1:
        raise OipError(f"input {tensor.name!r} has shape {shape}: there are no rows")

    flat = _values(tensor, shape, rows * width, part)
    return [flat[number::width] for number in range(width)]


def _column(
    tensor: Tensor, shape: list[int], part: memoryview | None, arrays: frozenset[str]
) -> list[Any]:
    rows = shape[0] if shape else 0
    if tensor.name in arrays:
        return _arrays(tensor, shape, part)

    if shape not in ([rows], [rows, 1]) or rows < 1:
        raise OipError(f"input {tensor.name!r} has shape {shape}: [n] or [n, 1] is expected")

    return _values(tensor, shape, rows, part)


def _arrays(tensor: Tensor, shape: list[int], part: memoryview | None) -> list[Any]:
    """The arrays of a tensor [n, ...], one a row; its data may be flat or nested."""
    if len(shape) < 2 or min(shape) < 0 or shape[0] < 1:
        raise OipError(
            f"input {tensor.name!r} has shape {shape}: [n, ...] with the array's own shape is "
            "expected, see the metadata"
        )

    return _nested(_values(tensor, shape, prod(shape), part), shape)


def _values(tensor: Tensor, shape: list[int], count: int, part: memoryview | None) -> list[Any]:
    """The values of a tensor, row by row; raises OipError where they are not so many."""
    if part is not None:
        return values_of(tensor.name, tensor.datatype, count, part)

    require_known(tensor.name, tensor.datatype)
    if tensor.datatype == "BF16":
        raise OipError(f"input {tensor.name!r}: BF16 is sent as binary data, FP32 as JSON")
    data: Any = tensor.data
    if type(data) is not list:
        data = _list_of(data)

    flat = _flattened(data, shape[1:])
    if len(flat) != count and len(shape) > 2:
        flat = _innermost(data)

    if len(flat) != count:
        raise OipError(f"input {tensor.name!r} has {len(flat)} values for shape {shape}")

    return values_in(tensor.name, tensor.datatype, flat)


def _flattened(data: list[Any], lengths: list[int]) -> list[Any]:
    """The values of nested rows one after the other; as they are where they are not nested.

    lengths: of a row's dimensions."""
    flat = data
    for length in lengths:
        if not flat or type(flat[0]) is not list:
            return flat
        if not all(type(part) is list and len(part) == length for part in flat):
            return flat

        flat = list(chain.from_iterable(flat))

    return flat


def _innermost(data: list[Any]) -> list[Any]:
    """The values of lists that are nested in another way than the shape says."""
    values = data
    while values and all(type(part) is list for part in values):
        values = list(chain.from_iterable(values))

    return values


def _nested(flat: list[Any], shape: list[int]) -> list[Any]:
    """Each row's values as lists of the shape's lengths, the innermost last."""
    values = flat
    for depth in range(len(shape) - 1, 0, -1):
        values = _cut(values, shape[depth], prod(shape[:depth]))

    return values


def _cut(values: list[Any], length: int, count: int) -> list[Any]:
    """The values as so many lists of that length, which may be empty."""
    return [values[length * number : length * (number + 1)] for number in range(count)]


def as_many(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The first `count` names, and further ones that no version has."""
    more = (f"column {number + 1}" for number in range(len(names), count))
    return (*names[:count], *more)


def first_twice(names: Sequence[str]) -> str:
    """The first name that was given before; empty where there is none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name

        seen.add(name)

    return ""
