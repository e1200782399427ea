"""Finds out where an HTTP answer ends, and what its head says; keeps no body. Pure.

A connection has one request under way, so an answer ends where its bytes end."""

import re
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
LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 64 * 1024 * 1024
LONGEST_LINE = 1024
"""Of a chunk's size with its extensions, and of a trailer."""
_NAME = re.compile(rb"[\w.-]{1,64}")
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class BadAnswer(Exception):
    """The bytes are no answer of HTTP/1, or longer than one that is read."""


class AnswerReader:
    """Follows one answer, however its bytes come. head: None until all of it came."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._begin, self._received, self._chunks = b"", 0, _Chunks()

    def is_whole_with(self, data: bytes) -> bool:
        """Whether these further bytes end the answer. Raises BadAnswer."""
        if self.head is None:
            data = self._begin + data
            self.head = head_of(data)
            if self.head is None:
                self._begin = data
                return False

            data = data[self.head.body :]

        return self._ends(self.head.length, data)

    def _ends(self, length: int, data: bytes) -> bool:
        self._received += len(data)
        if self._received > (LONGEST_BODY if length < 0 else length):
            raise BadAnswer
        if length == CHUNKED:
            return self._chunks.end_with(data)

        return self._received == length


def head_of(data: bytes) -> Head | None:
    """The head at the begin of these bytes; None where it is not whole. Raises BadAnswer."""
    end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if not data.startswith(b"HTTP/1."[: len(data)]) or (end < 0 and len(data) > LONGEST_HEAD):
        raise BadAnswer
    if end < 0:
        return None

    status = data[9:12]
    if not status.isdigit() or len(status) < 3:
        raise BadAnswer

    names = data[:end].lower()
    version = _value(data, names, b"\r\nx-model-version:", end)
    if not _NAME.fullmatch(version):
        version = b""

    retry = b"\r\nretry-after:" in names
    closes = _value(names, names, b"\r\nconnection:", end) == b"close"
    return Head(int(status), version, retry, closes, end + 4, _length(int(status), names, end))


class _Chunks:
    """Follows the chunks of a body."""

    def __init__(self) -> None:
        self._line, self._left, self._is_last = b"", 0, False

    def end_with(self, data: bytes) -> bool:
        """Whether the last chunk and its trailers end with these bytes. Raises BadAnswer."""
        at = 0
        while at < len(data):
            passed = min(self._left, len(data) - at)
            self._left -= passed
            at += passed
            stop = data.find(b"\n", at)
            self._line += data[at : stop if stop >= 0 else len(data)]
            if len(self._line) > LONGEST_LINE:
                raise BadAnswer
            if stop < 0:
                return False

            at = stop + 1
            if self._is_end():
                if at < len(data):
                    raise BadAnswer
                return True

        return False

    def _is_end(self) -> bool:
        """Take a whole line; whether it is the last one of the body."""
        line, self._line = self._line.removesuffix(b"\r"), b""
        if self._is_last:
            return not line

        size = line.partition(b";")[0].strip()
        if not size or len(size) > 16 or not _HEXADECIMAL.issuperset(size):
            raise BadAnswer

        self._is_last = int(size, 16) == 0
        # Its bytes, and the end of the line behind them.
        self._left = 0 if self._is_last else int(size, 16) + 2
        return False


def _length(status: int, names: bytes, end: int) -> int:
    given = _value(names, names, b"\r\ncontent-length:", end)
    if given:
        if not given.isdigit() or len(given) > 15 or int(given) > LONGEST_BODY:
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
