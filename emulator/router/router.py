"""The router: by Host to a dyno at random, with Heroku's headers, time-outs, error pages and log
lines.
"""

import re
import time
from contextlib import suppress

from emulator.model.app import Dyno
from emulator.model.clock import Clock
from emulator.model.ids import new_id
from emulator.model.state import State
from emulator.router.dyno_choice import choose, serving
from emulator.router.dyno_exchange import DynoExchange
from emulator.router.error_pages import CODES, NO_SUCH_APP, page
from emulator.router.http1 import Headers, Inbound, Message, Responder
from emulator.router.routed_request import RoutedRequest, RouterError, log_request, ms
from emulator.router.upstream import CONNECT_S, ConnectionRefused, connect

TRIES = 10
HTML: Headers = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-cache, no-store"),
]
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{20,200}")


class Router:
    """Answers for every host of an app."""

    def __init__(self, state: State, clock: Clock) -> None:
        self.state, self.clock = state, clock

    async def serve(
        self, inbound: Inbound, message: Message, responder: Responder, client: str
    ) -> None:
        """Serve one request, to its end and its log line."""
        app = self.state.app_by_host(message.header("host").partition(":")[0].lower())
        if app is None:
            responder.keep = responder.keep and message.complete
            await responder.send(404, HTML, NO_SUCH_APP)
            return

        request = RoutedRequest(app, inbound, message, responder, client)
        request.id = _request_id(message)
        try:
            await self._route(request)
            log_request(request, "")
        except RouterError as error:
            await self._fail(request, error.code)

    async def _fail(self, request: RoutedRequest, code: str) -> None:
        request.status = request.status or CODES[code][0]
        log_request(request, code)
        if request.responder.started or code == "H27":
            request.responder.reset()
            return

        request.responder.keep = request.responder.keep and request.message.complete
        with suppress(ConnectionError):
            await request.responder.send(request.status, HTML, page(code))

    async def _route(self, request: RoutedRequest) -> None:
        """Try dynos until one can be connected to."""
        app = request.app
        if app.maintenance:
            raise RouterError("H80")
        if not any(release.slug for release in app.releases):
            raise RouterError("H81")

        dyno: Dyno | None = await choose(app, self.clock)
        tried: set[str] = set()
        code = ""
        while dyno is not None and len(tried) < TRIES:
            code = await self._try(request, dyno)
            if not code:
                return

            tried.add(dyno.id)
            dyno = serving(app, tried)

        raise RouterError(code)

    async def _try(self, request: RoutedRequest, dyno: Dyno) -> str:
        """Serve the request with this dyno; returns the error code when it could not be connected
        to, so that another may be tried.
        """
        request.dyno = dyno
        # Counted before anything is awaited, or many requests would see the same free slot.
        dyno.in_flight += 1
        try:
            return await self._exchange(request, dyno)
        finally:
            dyno.in_flight -= 1
            dyno.app.changed.notify()

    async def _exchange(self, request: RoutedRequest, dyno: Dyno) -> str:
        begun = time.monotonic()
        try:
            connection = await connect(dyno, self.clock.allowed(CONNECT_S))
        except ConnectionRefused:
            return "H21"
        except TimeoutError:
            return "H19"

        request.connect_ms = ms(begun)
        await DynoExchange(request, dyno, connection, self.clock).run()
        return ""


def _request_id(message: Message) -> str:
    """The client's, where it has the right form."""
    given = message.header("x-request-id")
    if REQUEST_ID.fullmatch(given):
        return given
    return new_id()
