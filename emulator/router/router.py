"""The router: by Host to a dyno at random, with Heroku's headers, time-outs, error pages and log
lines.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from emulator.dynos.dyno import Dyno
from emulator.model.clock import Clock
from emulator.model.ids import new_id
from emulator.model.state import World
from emulator.router.dyno_choice import choose, serving
from emulator.router.error_pages import CODES, NO_SUCH_APP, page
from emulator.router.exchange import Fail, RoutedRequest, log, ms
from emulator.router.forwarded import VIA, forwarded
from emulator.router.http1 import (
    HOP_BY_HOP,
    Closed,
    Garbled,
    Headers,
    Inbound,
    Message,
    Responder,
    head_of,
)
from emulator.router.upstream import CONNECT_S, Connection, Refused, connect, keep

FIRST_S, ROLLING_S = 30, 55
TRIES = 10
HTML: Headers = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-cache, no-store"),
]
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{20,200}")


class Router:
    """Answers for every host of an app."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock

    async def serve(
        self, inbound: Inbound, message: Message, responder: Responder, client: str
    ) -> None:
        """One request, to its end and its log line."""
        app = self.world.app_by_host(message.header("host").partition(":")[0].lower())
        if app is None:
            responder.keep = responder.keep and message.complete
            await responder.send(404, HTML, NO_SUCH_APP)
            return

        visit = RoutedRequest(app, inbound, message, responder, client)
        asked = message.header("x-request-id")
        visit.id = asked if REQUEST_ID.fullmatch(asked) else new_id()
        try:
            await self._route(visit)
            log(visit, "")
        except Fail as fail:
            await self._fail(visit, fail.code)

    async def _fail(self, visit: RoutedRequest, code: str) -> None:
        visit.status = visit.status or CODES[code][0]
        log(visit, code)
        if visit.responder.started or code == "H27":
            visit.responder.reset()
            return

        visit.responder.keep = visit.responder.keep and visit.message.complete
        with suppress(ConnectionError):
            await visit.responder.send(visit.status, HTML, page(code))

    async def _route(self, visit: RoutedRequest) -> None:
        if visit.app.maintenance:
            raise Fail("H80")
        if not any(release.slug for release in visit.app.releases):
            raise Fail("H81")

        tried: set[str] = set()
        code = ""
        while len(tried) < TRIES:
            dyno = (
                await choose(visit.app, tried, self.clock)
                if not code
                else serving(visit.app, tried)
            )
            if dyno is None:
                raise Fail(code)
            visit.dyno = dyno
            # Counted before anything is awaited, or many requests would see the same free place.
            dyno.in_flight += 1
            try:
                code = await self._try(visit, dyno)
            finally:
                dyno.in_flight -= 1
                dyno.app.changed.notify()
            if not code:
                return
            tried.add(dyno.id)

        raise Fail(code)

    async def _try(self, visit: RoutedRequest, dyno: Dyno) -> str:
        """One dyno; returns the code when it could not be connected to, so that another may be
        tried.
        """
        begun = time.monotonic()
        try:
            connection = await connect(dyno, self.clock.allowed(CONNECT_S))
        except Refused:
            return "H21"
        except TimeoutError:
            return "H19"

        visit.connect_ms = ms(begun)
        await self._exchange(visit, dyno, connection)
        return ""

    async def _exchange(self, visit: RoutedRequest, dyno: Dyno, connection: Connection) -> None:
        whole = False
        sending = asyncio.create_task(_send(visit, connection))
        try:
            begun = time.monotonic()
            answer = await self._first(visit, connection, sending)
            whole = await self._relay(visit, connection, answer)
            visit.service_ms = ms(begun)
        finally:
            visit.service_ms = visit.service_ms if whole else ms(visit.started)
            if not sending.done():
                visit.responder.keep = False
            sending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await sending
            keep(dyno, connection) if whole else connection.close()

    async def _first(
        self, visit: RoutedRequest, connection: Connection, sending: asyncio.Task[None]
    ) -> Message:
        """The head of the dyno's answer."""
        head = asyncio.create_task(connection.inbound.head())
        gone = asyncio.create_task(_gone(visit, sending))
        try:
            done, _ = await asyncio.wait(
                {head, gone},
                timeout=self.clock.allowed(FIRST_S),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if head not in done:
                raise Fail("H27" if gone in done else "H12")
            return head.result()
        except Closed as error:
            raise Fail("H13") from error
        except Garbled as error:
            raise Fail("H17") from error
        finally:
            for task in (head, gone):
                task.cancel()
                with suppress(asyncio.CancelledError, Closed, Garbled):
                    await task

    async def _relay(self, visit: RoutedRequest, connection: Connection, answer: Message) -> bool:
        """Pass the answer on; whether the connection can be kept."""
        bodyless = visit.message.method == "HEAD" or answer.status in (204, 304)
        sized = (
            bool(answer.header("content-length"))
            or "chunked" in answer.header("transfer-encoding").lower()
        )
        headers = [
            (name, value) for name, value in answer.headers if name.lower() not in HOP_BY_HOP
        ]
        visit.status = answer.status
        try:
            await visit.responder.start(answer.status, [*headers, ("Via", VIA)])
            if not bodyless:
                await self._body(visit, connection.inbound.body(answer, until_end=not sized))
            await visit.responder.finish()
        except ConnectionError as error:
            visit.status = 499
            raise Fail("H27") from error

        whole = answer.complete and answer.keep and sized and not bodyless
        if whole:
            connection.inbound.done()

        return whole

    async def _body(self, visit: RoutedRequest, chunks: AsyncIterator[bytes]) -> None:
        iterator = aiter(chunks)
        while True:
            try:
                chunk = await asyncio.wait_for(anext(iterator), self.clock.allowed(ROLLING_S))
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Fail("H15") from error
            except (Closed, Garbled) as error:
                visit.status = 503
                raise Fail("H18") from error
            await visit.responder.write(chunk)


async def _send(visit: RoutedRequest, connection: Connection) -> None:
    """The request with the router's headers, as fast as the dyno takes it."""
    message = visit.message
    chunked = "chunked" in message.header("transfer-encoding").lower()
    headers = forwarded(visit) + ([("Transfer-Encoding", "chunked")] if chunked else [])
    connection.writer.write(head_of(f"{message.method} {message.target} HTTP/1.1", headers))
    with suppress(ConnectionError):
        async for chunk in visit.inbound.body(message):
            parts = [b"%x\r\n" % len(chunk), chunk, b"\r\n"] if chunked else [chunk]
            connection.writer.writelines(parts)
            await connection.writer.drain()
        if chunked:
            connection.writer.write(b"0\r\n\r\n")
        await connection.writer.drain()


async def _gone(visit: RoutedRequest, sending: asyncio.Task[None]) -> None:
    """Returns when the client has left."""
    await asyncio.wait([sending])
    with suppress(Closed, Garbled):
        if not sending.cancelled() and sending.exception():
            return
        while len(visit.inbound.messages) < 2:
            await visit.inbound.more()
        await asyncio.Event().wait()
