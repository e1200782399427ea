"""Binary tensor data: little endian, row by row, and texts with their length before them."""

import struct
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.oip.datatypes import REAL, require_known
from wire.oip.errors import OipError

LENGTH_BYTES = 4
FEW = 64
"""So many values are read without numpy, which takes longer for a few."""
LETTERS = {
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
}
_DTYPES = {
    "BOOL": "?",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}


def values_of(name: str, datatype: str, count: int, data: memoryview) -> list[Any]:
    """The values of a tensor; NaN becomes None. Raises OipError naming the row at fault."""
    require_known(name, datatype)
    if datatype == "BYTES":
        return _texts(name, count, data)

    if count <= FEW and datatype in LETTERS:
        return _few(name, datatype, count, data)

    array = _array(name, datatype, count, data)
    if array.dtype.kind == "f":
        return _numbers(name, array)
    values: list[Any] = array.tolist()
    return values


def packed(datatype: str, values: Sequence[Any]) -> bytes:
    """The binary data of an output."""
    if datatype == "FP64" and len(values) <= FEW and set(map(type, values)) == {float}:
        return struct.pack(f"<{len(values)}d", *values)

    if datatype != "BYTES":
        return np.array(values, _DTYPES[datatype]).tobytes()

    parts: list[bytes] = []
    for value in values:
        text = str(value).encode()
        parts += (struct.pack("<I", len(text)), text)

    return b"".join(parts)


def _few(name: str, datatype: str, count: int, data: memoryview) -> list[Any]:
    layout = f"<{count}{LETTERS[datatype]}"
    _require_filled(name, datatype, count, len(data), struct.calcsize(layout))
    values: list[Any] = list(struct.unpack(layout, data))
    if datatype in REAL and not all(map(isfinite, values)):
        return _numbers(name, np.array(values))

    return values


def _require_filled(name: str, datatype: str, count: int, size: int, needed: int) -> None:
    if size != needed:
        raise OipError(
            f"input {name!r} has {size} bytes of {datatype}: {count} values are {needed}"
        )


def _array(name: str, datatype: str, count: int, data: memoryview) -> NDArray[Any]:
    dtype = np.dtype("<u2" if datatype == "BF16" else _DTYPES[datatype])
    _require_filled(name, datatype, count, len(data), count * dtype.itemsize)

    if datatype == "BF16":
        # The upper half of a float of 32 bits.
        halves = np.frombuffer(data, dtype).astype("<u4")
        return (halves << 16).view("<f4")

    if datatype == "BOOL":
        _require_bools(name, np.frombuffer(data, np.uint8))

    return np.frombuffer(data, dtype)


def _require_bools(name: str, octets: NDArray[np.uint8]) -> None:
    others = np.flatnonzero(octets > 1)
    if len(others):
        raise OipError(f"row {others[0]}, input {name!r}: a BOOL is the byte 0 or 1")


def _numbers(name: str, array: NDArray[Any]) -> list[Any]:
    """The numbers as doubles, which hold them exactly; raises OipError for an infinity."""
    if np.isfinite(array).all():
        numbers: list[Any] = array.astype(np.float64).tolist()
        return numbers

    infinite = np.flatnonzero(np.isinf(array))
    if len(infinite):
        raise OipError(f"row {infinite[0]}, input {name!r}: an infinity is no value of a column")

    return [None if value != value else value for value in array.astype(np.float64).tolist()]


def _texts(name: str, count: int, data: memoryview) -> list[str]:
    texts, at, end = [], 0, len(data)
    read: Callable[..., tuple[int]] = struct.Struct("<I").unpack_from
    for row in range(count):
        if at + LENGTH_BYTES > end:
            raise OipError(f"input {name!r} has {row} texts for {count} values")

        (length,) = read(data, at)
        at += LENGTH_BYTES
        if at + length > end:
            raise OipError(
                f"row {row}, input {name!r}: its text of {length} bytes ends after the data"
            )

        texts.append(_text(name, row, bytes(data[at : at + length])))
        at += length

    if at != end:
        raise OipError(f"input {name!r} has {end - at} bytes after its {count} texts")

    return texts


def _text(name: str, row: int, octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise OipError(
            f"row {row}, input {name!r} is not UTF-8 ({error.reason} at byte {error.start})"
        ) from error
