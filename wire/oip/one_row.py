"""One row, one plain value a tensor: what most clients send, read without detours."""

import struct
from collections.abc import Sequence
from itertools import zip_longest
from math import isfinite
from typing import Any

import msgspec

from wire.oip.binary import LETTERS
from wire.oip.datatypes import REAL, WHOLE
from wire.oip.request import InferRequest, Tensor
from wire.oip.signature import Layout

_SHAPES = ([1], [1, 1])
_FLOAT = struct.Struct("<f")
_LENGTH = struct.Struct("<I")
_LAYOUTS = {datatype: struct.Struct(f"<{letter}") for datatype, letter in LETTERS.items()}
_encode = msgspec.json.Encoder().encode
# The type of a plain value by datatype, and the smallest and the largest one where some are none.
_PLAIN: dict[str, tuple[type, Any, Any]] = {
    "FP64": (float, None, None),
    "FP32": (float, *REAL["FP32"]),
    "BYTES": (str, None, None),
    "BOOL": (bool, None, None),
    **{datatype: (int, low, high) for datatype, (low, high) in WHOLE.items()},
}
_NOTHING: tuple[Any, Any, Any] = (None, None, None)


class OneRow(msgspec.Struct, frozen=True):
    """The row, and the name and datatype of each tensor."""

    row: msgspec.Raw
    layout: Layout


def one_row(request: InferRequest, parts: Sequence[memoryview | None] = ()) -> OneRow | None:
    """The only row of a request. None for all that needs a closer look, faults included.

    parts: the binary data by the tensors' order, None where data are JSON."""
    row: dict[str, Any] = {}
    layout: list[str] = []
    for tensor, part in zip_longest(request.inputs, parts):
        datatype, name = tensor.datatype, tensor.name
        if tensor.shape not in _SHAPES:
            return None

        value = _of_json(tensor) if part is None else _of_binary(datatype, part)
        if value is None:
            return None

        row[name] = value
        layout += (name, datatype)

    if not row or 2 * len(row) != len(layout):
        return None

    return OneRow(msgspec.Raw(_encode(row)), tuple(layout))


def _of_json(tensor: Tensor) -> Any:
    """The only value of a tensor; None where it is no plain one."""
    data, datatype = tensor.data, tensor.datatype
    if not data or len(data) != 1 or tensor.parameters:
        return None

    value = data[0]
    kind, low, high = _PLAIN.get(datatype, _NOTHING)
    if type(value) is not kind or not (low is None or low <= value <= high):
        return None

    if datatype == "FP32":
        (value,) = _FLOAT.unpack(_FLOAT.pack(value))

    return value


def _of_binary(datatype: str, part: memoryview) -> Any:
    """The only value of binary data; None where they are none, or not finite."""
    if datatype == "BYTES":
        return _text(part)

    layout = _LAYOUTS.get(datatype)
    if layout is None or len(part) != layout.size:
        return None

    (value,) = layout.unpack(part)
    if type(value) is float and not isfinite(value):
        return None
    return value


def _text(part: memoryview) -> str | None:
    if len(part) < _LENGTH.size or len(part) != _LENGTH.size + _LENGTH.unpack_from(part)[0]:
        return None

    try:
        return bytes(part[_LENGTH.size :]).decode()
    except UnicodeDecodeError:
        return None
