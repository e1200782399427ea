"""The headers that the router adds, and those it takes away."""

import time

from emulator.router.exchange import RoutedRequest
from emulator.router.http1 import HOP_BY_HOP, Headers

VIA = "2.0 heroku-router"
FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"})
REPLACED = HOP_BY_HOP | FORWARDED | {"x-request-start", "x-request-id", "via", "expect"}


def forwarded(visit: RoutedRequest) -> Headers:
    """The client's headers and the router's. To the app it looks as if TLS had ended at the
    router.
    """
    kept = [(name, value) for name, value in visit.message.headers if name.lower() not in REPLACED]
    before = visit.message.header("x-forwarded-for")
    via = visit.message.header("via")
    return [
        *kept,
        ("Connection", "keep-alive"),
        ("X-Request-Id", visit.id),
        ("X-Forwarded-For", f"{before}, {visit.client}" if before else visit.client),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("Via", f"{via}, {VIA}" if via else VIA),
        ("X-Request-Start", str(int(time.time() * 1000))),
    ]
