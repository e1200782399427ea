"""How large an Arrow stream's compressed buffers are unpacked, as it says before it is unpacked.

Each of them begins with its length, and Arrow takes memory for that before it looks further. The
messages are flatbuffers: https://arrow.apache.org/docs/format/Columnar.html#compression"""

import struct
from typing import Any

_FIELD, _OFFSET, _START = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")
_LENGTH = struct.Struct("<q")
_BUFFER = struct.Struct("<qq")
# Numbers of fields in Arrow's Message, DictionaryBatch and RecordBatch.
_HEADER, _DATA, _BUFFERS, _COMPRESSION = 2, 1, 2, 3


def unpacked_bytes(body: bytes) -> int:
    """The bytes of all compressed buffers, unpacked; raises struct.error, or pyarrow's errors."""
    import pyarrow
    from pyarrow.ipc import MessageReader

    total = 0
    for message in MessageReader.open_stream(pyarrow.py_buffer(body)):
        if message.type in ("record batch", "dictionary"):
            total += _unpacked(message)

    return total


def _unpacked(message: Any) -> int:
    metadata, body = memoryview(message.metadata), memoryview(message.body or b"")
    batch = _table(metadata, _field(metadata, _OFFSET.unpack_from(metadata)[0], _HEADER))
    if message.type == "dictionary":
        batch = _table(metadata, _field(metadata, batch, _DATA))

    buffers = _field(metadata, batch, _BUFFERS)
    if not buffers or not _field(metadata, batch, _COMPRESSION):
        return 0

    vector = _table(metadata, buffers)
    (count,) = _OFFSET.unpack_from(metadata, vector)
    total = 0
    for number in range(count):
        at = vector + _OFFSET.size + number * _BUFFER.size
        offset, length = _BUFFER.unpack_from(metadata, at)
        if length >= _LENGTH.size:
            (unpacked,) = _LENGTH.unpack_from(body, offset)
            # -1 stands before a buffer that was left as it is.
            total += max(0, unpacked)

    return total


def _field(metadata: memoryview, table: int, number: int) -> int:
    """Where a field of a table stands; 0 where the table does not have it."""
    fields = table - _START.unpack_from(metadata, table)[0]
    at = 2 * _FIELD.size + number * _FIELD.size
    if at >= _FIELD.unpack_from(metadata, fields)[0]:
        return 0

    offset: int = _FIELD.unpack_from(metadata, fields + at)[0]
    return table + offset if offset else 0


def _table(metadata: memoryview, at: int) -> int:
    """Where the table or vector begins that a field refers to."""
    return at + int(_OFFSET.unpack_from(metadata, at)[0])
