"""The process that turns Arrow streams into rows: `python -m router.requests.arrow_reader`.

On stdin: a line of JSON (ReadTask) and the stream. On stdout: REPLY, and rows of JSON a line each
or a StreamFault. It ends with its stdin."""

import os
import resource
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import isinf
from typing import Any, BinaryIO

import msgspec

from router.requests.arrow_sizes import unpacked_bytes

REPLY = struct.Struct("<IQ")
"""The status and the length of what follows."""
MOST_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
# Beside the process itself. A block's values as Python objects take up to 36 times their bytes.
MEMORY_BYTES, MEMORY_TIMES = 128 * 1024 * 1024, 64
MOST_VALUES = 1_000_000
BLOCK_ROWS = 256
MOST_SCHEMAS, LARGEST_SCHEMA = 64, 16 * 1024
"""Schemas whose columns are known to be taken, and bytes of the largest of them."""
_MESSAGE = struct.Struct("<4si")
_BEGINNING = b"\xff\xff\xff\xff"
_encode = msgspec.json.Encoder().encode


class ReadTask(msgspec.Struct):
    """One stream. size: its bytes, most_unpacked: of its compressed buffers, once unpacked;
    most_bytes: of all rows together."""

    size: int
    most_unpacked: int
    most_rows: int
    most_row_bytes: int
    most_bytes: int


class StreamFault(msgspec.Struct):
    """Why a stream has no rows."""

    detail: str


class Unreadable(Exception):
    """A stream that cannot be made into rows, with the status of the answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def main() -> None:
    """Read streams until stdin ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    streams, replies = sys.stdin.buffer, sys.stdout.buffer
    while line := streams.readline():
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
        task = msgspec.json.decode(line, type=ReadTask)
        _reply(replies, *_answer(streams.read(task.size), task))


def _answer(body: bytes, task: ReadTask) -> tuple[int, bytes]:
    import pyarrow

    try:
        return 200, b"\n".join(rows(body, task))
    except Unreadable as error:
        return error.status, _encode(StreamFault(str(error)))
    except (MemoryError, pyarrow.ArrowMemoryError):
        return 413, _encode(StreamFault("the Arrow stream takes too much memory: send fewer rows"))
    except (pyarrow.ArrowException, ValueError, OSError, TypeError, struct.error) as error:
        return 400, _encode(StreamFault(f"the body is no valid Arrow stream: {str(error)[:200]}"))


def rows(body: bytes, task: ReadTask) -> list[bytes]:
    """The rows as JSON; raises Unreadable, or pyarrow's errors."""
    import pyarrow.ipc

    unpacked = unpacked_bytes(body)
    if unpacked > task.most_unpacked:
        raise Unreadable(
            413,
            f"the compressed buffers of the Arrow stream have {unpacked} bytes once they are "
            f"unpacked: at most {task.most_unpacked} are allowed, send fewer rows or compress less",
        )

    _limit_memory(MEMORY_BYTES + MEMORY_TIMES * (len(body) + unpacked))
    # A thread would take memory of its own.
    options = pyarrow.ipc.IpcReadOptions(use_threads=False)
    reader = pyarrow.ipc.open_stream(pyarrow.py_buffer(body), options=options)
    names = _known_names(body, reader.schema)
    made: list[bytes] = []
    total = 0
    for batch in reader:
        _require_few(len(made) + batch.num_rows, len(names), task)
        batch.validate(full=True)
        for row in _rows_of(batch, names, len(made)):
            total += len(row)
            if len(row) > task.most_row_bytes:
                raise Unreadable(
                    413,
                    f"row {len(made)} has {len(row)} bytes: "
                    f"at most {task.most_row_bytes} are allowed",
                )
            if total > task.most_bytes:
                raise Unreadable(
                    413, f"the rows have more than {task.most_bytes} bytes: send fewer at once"
                )

            made.append(row)

    if not made:
        raise Unreadable(400, "the Arrow stream has no rows: send at least one")

    return made


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has, and never above MOST_MEMORY_BYTES."""
    try:
        own = int(os.pread(_statm(), 64, 0).split()[0]) * resource.getpagesize()
    except OSError:
        own = MOST_MEMORY_BYTES

    most = min(own + more, MOST_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, MOST_MEMORY_BYTES))


@cache
def _statm() -> int:
    """The open file that says how much memory this process has: to open it takes longer."""
    return os.open("/proc/self/statm", os.O_RDONLY)


def _require_few(count: int, columns: int, task: ReadTask) -> None:
    if count > task.most_rows:
        raise Unreadable(413, f"{count} rows in one request: at most {task.most_rows} are allowed")
    if count * columns > MOST_VALUES:
        raise Unreadable(
            413, f"{count * columns} values in one request: at most {MOST_VALUES} are allowed"
        )


_names_by_schema: dict[bytes, list[str]] = {}


def _known_names(body: bytes, schema: Any) -> list[str]:
    """The names of the columns; raises Unreadable where one cannot be taken.

    A client's streams begin with the same bytes, and each column is looked at in the first."""
    beginning = _schema_bytes(body)
    names = _names_by_schema.get(beginning)
    if names is not None:
        return names

    names = _names(schema)
    if beginning:
        if len(_names_by_schema) >= MOST_SCHEMAS:
            _names_by_schema.clear()

        _names_by_schema[beginning] = names

    return names


def _schema_bytes(body: bytes) -> bytes:
    """The first message of a stream, its schema; empty where it is large or of an older form."""
    if len(body) < _MESSAGE.size:
        return b""

    beginning, length = _MESSAGE.unpack_from(body)
    if beginning != _BEGINNING or not 0 < length <= LARGEST_SCHEMA:
        return b""

    return body[: _MESSAGE.size + length]


def _names(schema: Any) -> list[str]:
    names = list(schema.names)
    for name, count in Counter(names).items():
        if count > 1:
            raise Unreadable(400, f"the Arrow schema has column {name!r} twice: leave one of them")

    for field in schema:
        if not _is_taken(field.type):
            raise Unreadable(
                400,
                f"column {field.name!r} is of the Arrow type {field.type}: send numbers, booleans, "
                "texts or lists of numbers",
            )

    return names


def _is_taken(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_taken(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_number(kind.value_type)

    is_text = types.is_string(kind) or types.is_large_string(kind)
    return is_text or types.is_boolean(kind) or types.is_null(kind) or _is_number(kind)


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _rows_of(batch: Any, names: list[str], before: int) -> Iterator[bytes]:
    """The rows of a batch, block by block. before: the rows of earlier batches."""
    for start in range(0, batch.num_rows, BLOCK_ROWS):
        block = batch.slice(start, BLOCK_ROWS)
        columns = [
            _values(name, column, before + start)
            for name, column in zip(names, block.columns, strict=True)
        ]
        for row in zip(*columns, strict=True):
            yield _encode(dict(zip(names, row, strict=True)))


def _values(name: str, column: Any, before: int) -> list[Any]:
    """A column's values; NaN becomes null in JSON. Raises Unreadable for an infinity."""
    import pyarrow

    if pyarrow.types.is_float16(column.type):
        column = column.cast(pyarrow.float32())

    values: list[Any] = column.to_pylist()
    for row, value in enumerate(values):
        if _is_infinite(value):
            raise Unreadable(
                400, f"row {before + row}, column {name!r}: an infinity is no value of a column"
            )

    return values


def _is_infinite(value: Any) -> bool:
    """Whether JSON has no such number, or list with one."""
    if isinstance(value, list):
        return any(map(_is_infinite, value))

    return isinstance(value, float) and isinf(value)


def _reply(replies: BinaryIO, status: int, body: bytes) -> None:
    replies.write(REPLY.pack(status, len(body)))
    replies.write(body)
    replies.flush()


if __name__ == "__main__":
    main()
