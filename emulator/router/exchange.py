"""One request on its way through the router, and its line in the log."""

import time
from dataclasses import dataclass, field

from emulator.dynos.dyno import Dyno
from emulator.model.state import App
from emulator.router.error_pages import CODES
from emulator.router.http1 import Inbound, Message, Responder


class Fail(Exception):
    """The exchange ends with this H-code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class RoutedRequest:
    """One request on its way; times are milliseconds."""

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


def log(visit: RoutedRequest, code: str) -> None:
    """Add the line; code is empty for an answer of the app's own."""
    start = f'at=error code={code} desc="{CODES[code][1]}"' if code else "at=info"
    message = visit.message
    shown = message.target.replace('"', "%22")[:2000]
    connected = "" if visit.connect_ms is None else f"{visit.connect_ms}ms"
    served = "" if visit.service_ms is None else f"{visit.service_ms}ms"
    visit.app.log.add(
        "heroku",
        "router",
        f'{start} method={message.method} path="{shown}" host={visit.app.host} '
        f"request_id={visit.id} "
        f'fwd="{visit.client}" '
        f"dyno={visit.dyno.name if visit.dyno else ''} connect={connected} service={served} "
        f"status={visit.status} "
        f"bytes={visit.responder.bytes or ''} protocol=https",
    )
