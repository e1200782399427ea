"""One row in JSON, one plain value a tensor: what most clients send, read without detours."""

import struct
from typing import Any

import msgspec

from wire.oip.datatypes import REAL, WHOLE
from wire.oip.request import InferRequest
from wire.oip.signature import Layout

_SHAPES = ([1], [1, 1])
_FLOAT = struct.Struct("<f")
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


def one_row(request: InferRequest) -> OneRow | None:
    """The only row of a request in JSON. None for all that needs a closer look, faults included."""
    row: dict[str, Any] = {}
    layout: list[str] = []
    for tensor in request.inputs:
        data, datatype, name = tensor.data, tensor.datatype, tensor.name
        if not data or len(data) != 1 or tensor.shape not in _SHAPES or tensor.parameters:
            return None

        value = data[0]
        kind, low, high = _PLAIN.get(datatype, _NOTHING)
        if type(value) is not kind or not (low is None or low <= value <= high):
            return None

        if datatype == "FP32":
            (value,) = _FLOAT.unpack(_FLOAT.pack(value))

        row[name] = value
        layout += (name, datatype)

    if not row or 2 * len(row) != len(layout):
        return None

    return OneRow(msgspec.Raw(_encode(row)), tuple(layout))
