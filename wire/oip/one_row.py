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

_SHAPES = ([1, 1], [1])
_FLOAT = struct.Struct("<f")
_LENGTH = struct.Struct("<I")
_LAYOUTS = {datatype: struct.Struct(f"<{letter}") for datatype, letter in LETTERS.items()}
_encode = msgspec.json.Encoder().encode
# The type of a plain value by datatype, and the smallest and the largest one where some are none.
_TYPES: dict[str, type] = {
    "FP64": float,
    "FP32": float,
    "BYTES": str,
    "BOOL": bool,
    **dict.fromkeys(WHOLE, int),
}
_BOUNDS: dict[str, tuple[Any, Any]] = {"FP32": REAL["FP32"], **WHOLE}


class OneRow(msgspec.Struct, frozen=True):
    """The row. layout: the names of the tensors, then their datatypes."""

    row: msgspec.Raw
    layout: Layout


def one_row(request: InferRequest, parts: Sequence[memoryview | None] = ()) -> OneRow | None:
    """The only row of a request. None for all that needs a closer look, faults included.

    parts: the binary data by the tensors' order, None where data are JSON."""
    tensors = request.inputs
    row: dict[str, Any] = {}
    for tensor, part in zip_longest(tensors, parts):
        if tensor.shape not in _SHAPES:
            return None

        value = _of_json(tensor) if part is None else _of_binary(tensor.datatype, part)
        if value is None:
            return None

        row[tensor.name] = value

    if not row or len(row) != len(tensors):
        return None

    datatypes = [tensor.datatype for tensor in tensors]
    return OneRow(msgspec.Raw(_encode(row)), (*row, *datatypes))


def _of_json(tensor: Tensor) -> Any:
    """The only value of a tensor; None where it is no plain one."""
    data = tensor.data
    if tensor.parameters is not None or not data or len(data) != 1:
        return None

    datatype, value = tensor.datatype, data[0]
    if type(value) is not _TYPES.get(datatype):
        return None

    if datatype in _BOUNDS:
        low, high = _BOUNDS[datatype]
        if not low <= value <= high:
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
