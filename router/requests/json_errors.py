"""Explains why a body was refused and what to send instead, alike for every endpoint."""

import re

WHAT_TO_SEND = 'send {"instances": [{column: value, ...}, ...]}, one object a row'
LONGEST = 300
UTF8_BOM = b"\xef\xbb\xbf"
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_NO_JSON = re.compile(rb"-?(nan|infinity|inf)\b", re.IGNORECASE)
_NAME_BEFORE = re.compile(rb'"((?:[^"\\]|\\.){1,128})"\s*:\s*-?$')
_WINDOW = 400


def without_bom(body: bytes) -> bytes:
    """The body without a byte order mark, which some clients send before JSON."""
    return body.removeprefix(UTF8_BOM)


def json_fault(body: bytes, error: Exception, send: str = WHAT_TO_SEND) -> str:
    """The cause and the next step, in one sentence.

    error: raised by the decoder of `body`. send: the next step where there is none better."""
    if wide := wide_text(body):
        return f"the body is {wide}: send it as UTF-8"
    if body[:2] == b"\x1f\x8b":
        return "the body is gzip and does not say so: send `Content-Encoding: gzip` with it"
    if isinstance(error, UnicodeDecodeError):
        return f"the body is not UTF-8 ({error.reason} at byte {error.start}): send it as UTF-8"

    message = str(error)
    position = _AT_BYTE.search(message)
    if position is not None and (number := _not_a_number(body, int(position[1]))):
        return number

    if not body.strip():
        return f"the body is empty: {send}"

    shape = _shape_of(body) if send == WHAT_TO_SEND else ""
    return f"{shape or _short(message)}: {send}"


def wide_text(body: bytes) -> str:
    """ "UTF-16" or "UTF-32" where the body is text in that encoding, else empty."""
    first = body[:4]
    if (
        first in (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
        or first[:3] == b"\0\0\0"
        or first[1:4] == b"\0\0\0"
    ):
        return "UTF-32"

    if first[:2] in (b"\xff\xfe", b"\xfe\xff") or first[:1] == b"\0" or first[1:2] == b"\0":
        return "UTF-16"

    return ""


def _not_a_number(body: bytes, at: int) -> str:
    """The message for NaN or infinity at that byte; empty where something else stands there."""
    start = at - 1 if body[at - 1 : at] == b"-" else at
    # msgspec takes a lower-case `n` for the start of null and stops one byte later.
    number = _NO_JSON.match(body, start) or _NO_JSON.match(body, max(0, at - 1))
    if number is None:
        return ""

    name = _NAME_BEFORE.search(body, max(0, number.start() - _WINDOW), number.start())
    column = ""
    if name:
        column = f" in column {name[1].decode('utf-8', 'replace')!r}"

    token = number[0].decode()
    return (
        f"{token}{column} (byte {number.start()}) is not JSON: send null for a value that is "
        "missing or not a number"
    )


def _shape_of(body: bytes) -> str:
    first = body.lstrip()[:1]
    if first == b"[":
        return "the body is a list"
    if first == b"{" and b'"instances"' not in body:
        return "the body has no `instances`"

    return ""


def _short(message: str) -> str:
    if len(message) > LONGEST:
        message = f"{message[:LONGEST]}..."

    if "`$.instances`" in message:
        return f"`instances` is not a list of rows ({message})"
    return f"the body is not such JSON ({message})"
