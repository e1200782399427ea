"""Parses a log drain's batch of syslog lines, each preceded by its length (application/logplex-1).

    91 <158>1 2026-08-01T12:00:00+00:00 host heroku web.1 - Error R14 (Memory quota exceeded)

Only the beginning of the platform's own lines is read: an app may log anything, and the platform's
router quotes any path that a user requests."""

import re
from collections.abc import Iterator

MOST_LINES = 10_000
_LENGTH = re.compile(rb"(\d{1,6}) ")
_CODE = re.compile(
    rb"<\d{1,3}>1 \S+ \S+ heroku \S+ (?:- )?(?:(?:sock=\w+ )?at=(?:error|warning) code=|Error "
    rb")([HRL]\d\d)\b"
)


class Garbled(Exception):
    """The body is no such batch. The message says where."""


def lines(body: bytes) -> Iterator[bytes]:
    """The lines of a batch; raises Garbled for an incomplete one, or more than MOST_LINES."""
    at = number = 0
    while at < len(body):
        length = _LENGTH.match(body, at)
        if length is None:
            raise Garbled(f"line {number} has no length before it")

        begin = length.end()
        at = begin + int(length[1])
        if at > len(body):
            raise Garbled(f"line {number} is cut off")

        number += 1
        if number > MOST_LINES:
            raise Garbled(f"more than {MOST_LINES} lines")

        yield body[begin:at]


def codes(body: bytes, count: int | None = None) -> dict[str, int]:
    """The number of each of the platform's codes (R14, H12, ...) in a batch.

    count: of lines, by the sender's header. Raises Garbled."""
    counts: dict[str, int] = {}
    number = 0
    for line in lines(body):
        number += 1
        if match := _CODE.match(line):
            code = match[1].decode("ascii")
            counts[code] = counts.get(code, 0) + 1

    if count is not None and count != number:
        raise Garbled(f"it has {number} lines instead of {count}")

    return counts
