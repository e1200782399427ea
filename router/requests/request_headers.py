"""Reads a request's headers, in the same way for every endpoint.

A header that may be given once is refused where it comes twice, even with equal values: another
reader of the request might take the other one."""

from typing import Any

from router.problems import Headers, Problem
from router.requests.deadline import no_time, seconds_of
from wire.load_mark import HEADER
from wire.oip.request import LENGTH_HEADER

LONGEST_ID = 128
LOAD_HEADER = HEADER.lower().encode()
_READ = frozenset(
    {
        *(b"x-request-id", b"x-model-version", b"x-timeout-ms", b"traceparent"),
        *(b"cookie", b"content-encoding", b"content-type", LENGTH_HEADER, LOAD_HEADER),
    }
)


class RequestContext:
    """The values of a request's headers.

    json_bytes: the header with the length of the JSON before
    binary data. fault: the error to answer with. waited_s: seconds of its deadline that have passed
    already. asked_signatures: whether versions were asked for their columns because of it.
    has_parent: whether it has a `traceparent`. span: of the request, None for most. load_mark: of a
    load test, as it was sent; is_load: it was verified."""

    __slots__ = (
        *("content_type", "cookie", "encoding", "fault", "json_bytes", "pin", "request_id"),
        *("is_load", "load_mark"),
        *("asked_signatures", "has_parent", "span", "timeout_s", "unit", "waited_s"),
    )

    def __init__(self) -> None:
        self.pin: str | None = None
        self.request_id: bytes = b""
        self.unit: bytes = b""
        self.cookie: bytes = b""
        self.encoding: bytes = b""
        self.content_type: bytes = b""
        self.json_bytes: bytes = b""
        self.load_mark: bytes = b""
        self.is_load = False
        self.timeout_s: float | None = None
        self.fault: Problem | None = None
        self.waited_s = 0.0
        self.asked_signatures = self.has_parent = False
        self.span: Any = None


def read_headers(headers: Headers, unit_header: bytes) -> RequestContext:
    """The context of a request. unit_header: the lower-case name of the header with its unit."""
    context = RequestContext()
    once: list[bytes] = []
    for name, value in headers:
        if name == unit_header:
            once.append(name)
            context.unit = value
        elif name not in _READ:
            continue
        elif name == b"x-request-id":
            context.request_id = value if len(value) <= LONGEST_ID and _plain(value) else b""
        elif name == b"x-model-version":
            once.append(name)
            context.pin = value.decode("latin-1") or None
        elif name == b"cookie":
            context.cookie = context.cookie + b";" + value if context.cookie else value
        elif name == b"content-encoding":
            context.encoding = context.encoding + b"," + value if context.encoding else value
        elif name == b"content-type":
            context.content_type = value
        elif name == LENGTH_HEADER:
            once.append(name)
            context.json_bytes = value
        elif name == b"traceparent":
            context.has_parent = True
        elif name == b"x-timeout-ms":
            once.append(name)
            context.timeout_s = seconds_of(value)
            if context.timeout_s is None:
                context.fault = no_time(value)
        elif name == LOAD_HEADER:
            once.append(name)
            # An empty mark is a wrong one.
            context.load_mark = value or b"-"

    if len(once) > 1 and (twice := next((n for n in once if once.count(n) > 1), b"")):
        context.fault = given_twice(twice)

    return context


def given_twice(name: bytes) -> Problem:
    """400 for a header that may be given only once."""
    return Problem(400, f"the header {name.decode('latin-1')} is given twice: send it once")


def _plain(value: bytes) -> bool:
    """Whether the value can be sent back in a header."""
    return value.isascii() and value.decode().isprintable()
