"""A request that the router passes to a dyno, its error codes, and its line in the log."""

import time
from dataclasses import dataclass, field

from emulator.model.app import App, Dyno
from emulator.router.error_pages import CODES
from emulator.router.http1 import Inbound, Message, Responder


class RouterError(Exception):
    """The request ends with this H-code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class RoutedRequest:
    """One request, from its head to its answer. `client` is an address; times are milliseconds."""

    app: App
    inbound: Inbound
    message: Message
    responder: Responder
    client: str
    id: str = ""
    dyno: Dyno | None = None
    connect_ms: int | None = None
    service_ms: int | None = None
    status: int = 0
    started: float = field(default_factory=time.monotonic)


def ms(since: float) -> int:
    """Milliseconds since a moment of time.monotonic()."""
    return int((time.monotonic() - since) * 1000)


def log_request(request: RoutedRequest, code: str) -> None:
    """Add the request's line to the app's log. code: empty for an answer of the app's own."""
    start = "at=info"
    if code:
        start = f'at=error code={code} desc="{CODES[code][1]}"'

    path = request.message.target.replace('"', "%22")[:2000]
    dyno = request.dyno.name if request.dyno else ""
    request.app.log.add(
        "heroku",
        "router",
        f'{start} method={request.message.method} path="{path}" host={request.app.host} '
        f'request_id={request.id} fwd="{request.client}" dyno={dyno} '
        f"connect={_shown(request.connect_ms)} service={_shown(request.service_ms)} "
        f"status={request.status} bytes={request.responder.bytes or ''} protocol=https",
    )


def _shown(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds}ms"
