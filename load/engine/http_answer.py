"""Finds out whether the bytes of an HTTP answer are all there, and what its head says. Pure.

A connection has one request under way, so an answer ends where its bytes end."""

from typing import NamedTuple


class Head(NamedTuple):
    """The head of an answer. body: where it begins; length: of the body, -1 where it comes in
    chunks, -2 where it ends with the connection.
    """

    status: int
    version: bytes
    retry: bool
    closes: bool
    body: int
    length: int


CHUNKED, UNTIL_CLOSED = -1, -2


class BadAnswer(Exception):
    """The bytes are no answer of HTTP/1."""


def head_of(data: bytes) -> Head | None:
    """The head at the begin of these bytes; None where it is not whole. Raises BadAnswer."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None

    try:
        status = int(data[9:12])
    except ValueError:
        raise BadAnswer from None

    names = data[:end].lower()
    version = _value(data, names, b"\r\nx-model-version:", end)
    retry = b"\r\nretry-after:" in names
    closes = _value(names, names, b"\r\nconnection:", end) == b"close"
    return Head(status, version, retry, closes, end + 4, _length(status, names, end))


def is_whole(data: bytes, head: Head) -> bool:
    """Whether the body is all there. Raises BadAnswer where its chunks are none."""
    if head.length >= 0:
        return len(data) >= head.body + head.length
    if head.length == UNTIL_CLOSED:
        return False

    return data.endswith(b"0\r\n\r\n") and _chunks_end(data, head.body)


def _length(status: int, names: bytes, end: int) -> int:
    given = _value(names, names, b"\r\ncontent-length:", end)
    if given:
        if not given.isdigit():
            raise BadAnswer
        return int(given)

    if status in (204, 304):
        return 0
    if b"\r\ntransfer-encoding:" in names:
        return CHUNKED
    return UNTIL_CLOSED


def _value(data: bytes, names: bytes, name: bytes, end: int) -> bytes:
    start = names.find(name)
    if start < 0:
        return b""

    start += len(name)
    stop = data.find(b"\r\n", start, end)
    return data[start : stop if stop >= 0 else end].strip()


def _chunks_end(data: bytes, position: int) -> bool:
    """Whether the chunks that begin at a position end with these bytes."""
    while position < len(data):
        line = data.find(b"\r\n", position)
        if line < 0:
            return False

        try:
            size = int(data[position:line].partition(b";")[0], 16)
        except ValueError:
            raise BadAnswer from None

        position = line + 2 + size + 2
        if size == 0:
            return position == len(data)

    return False
