"""Spans in the bytes of OTLP's protocol buffers (opentelemetry/proto/trace/v1/trace.proto).

By hand, since the standard exporter takes eight times as long, in a thread for which the event
loop waits."""

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

_REMOTE_IS_KNOWN, _IS_REMOTE = 0x100, 0x200
_TIMES = struct.Struct("<BQBQ")
_FLAGS = struct.Struct("<2sI")
_LINK_FLAGS = struct.Struct("<BI")
# Each is a field's number and kind, and where a size is fixed, the size.
_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_STATE, _NAME, _KIND, _BEGAN, _ENDED = 3, 5, b"\x30", 0x39, 0x41
_ATTRIBUTE, _LINK, _FLAGS_TAG, _LINK_FLAGS_TAG = 9, 13, b"\x85\x01", 0x35
_FAILED = b"\x7a\x02\x18\x02"
_KEY, _VALUE, _TEXT, _WHOLE = 1, 2, 1, b"\x18"
_SPAN = 2
_ALL_BITS = 2**64 - 1


class EndedSpan(Protocol):
    """What is sent of a span. context, parent: of OpenTelemetry's API; parent None for a root.

    kind: OTLP's number. began, ended: epoch nanoseconds."""

    name: str
    kind: int
    context: Any
    parent: Any
    attributes: dict[str, str | int]
    links: Iterable[Any]
    began: int
    ended: int
    failed: bool


def field(number: int, content: bytes) -> bytes:
    """A field whose length stands before it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def span_field(span: EndedSpan) -> bytes:
    """A span as one of the spans of a ScopeSpans."""
    context, parent = span.context, span.parent
    parts = [
        _TRACE_ID + context.trace_id.to_bytes(16, "big"),
        _SPAN_ID + context.span_id.to_bytes(8, "big"),
        _named(span.name, span.kind),
        _TIMES.pack(_BEGAN, span.began, _ENDED, span.ended),
        *[_attribute(key, value) for key, value in span.attributes.items()],
        *[field(_LINK, _link(context)) for context in span.links],
        _FLAGS.pack(_FLAGS_TAG, _flags(parent)),
    ]
    if parent is not None:
        parts.append(_PARENT_ID + parent.span_id.to_bytes(8, "big"))
    if context.trace_state:
        parts.append(field(_STATE, context.trace_state.to_header().encode()))
    if span.failed:
        parts.append(_FAILED)

    return field(_SPAN, b"".join(parts))


def _link(context: Any) -> bytes:
    trace_id: bytes = context.trace_id.to_bytes(16, "big")
    span_id: bytes = context.span_id.to_bytes(8, "big")
    flags = _LINK_FLAGS.pack(_LINK_FLAGS_TAG, _flags(context))
    return _TRACE_ID + trace_id + _SPAN_ID + span_id + flags


def _flags(context: Any) -> int:
    """Whether a span's parent, or what a link leads to, is of another process."""
    if context is not None and context.is_remote:
        return _REMOTE_IS_KNOWN | _IS_REMOTE
    return _REMOTE_IS_KNOWN


@lru_cache(64)
def _named(name: str, kind: int) -> bytes:
    return field(_NAME, name.encode()) + _KIND + _varint(kind)


@lru_cache(256)
def _attribute(key: str, value: str | int) -> bytes:
    if isinstance(value, str):
        content = field(_TEXT, value.encode())
    else:
        content = _WHOLE + _varint(value & _ALL_BITS)

    return field(_ATTRIBUTE, field(_KEY, key.encode()) + field(_VALUE, content))


def _varint(number: int) -> bytes:
    """A number, seven bits a byte, the lowest ones first."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7

    octets.append(number)
    return bytes(octets)
