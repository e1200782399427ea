"""The headers of a request to a dyno: the client's and those that the router sets."""

import time

from emulator.router.http1 import HOP_BY_HOP, Headers
from emulator.router.routed_request import RoutedRequest

VIA = "2.0 heroku-router"
FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"})
REPLACED = HOP_BY_HOP | FORWARDED | {"x-request-start", "x-request-id", "via", "expect"}


def request_headers(request: RoutedRequest) -> Headers:
    """All headers for the dyno. To the app it looks as if TLS had ended at the router."""
    message = request.message
    passed_on = [(name, value) for name, value in message.headers if name.lower() not in REPLACED]
    return [
        *passed_on,
        ("Connection", "keep-alive"),
        ("X-Request-Id", request.id),
        ("X-Forwarded-For", _appended(message.header("x-forwarded-for"), request.client)),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("Via", _appended(message.header("via"), VIA)),
        ("X-Request-Start", str(int(time.time() * 1000))),
    ]


def _appended(values: str, value: str) -> str:
    if values:
        return f"{values}, {value}"
    return value
