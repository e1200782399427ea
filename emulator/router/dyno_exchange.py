"""One request to one dyno and its answer, over a connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from emulator.model.app import Dyno
from emulator.model.clock import Clock
from emulator.router.http1 import (
    HOP_BY_HOP,
    ConnectionClosed,
    Message,
    ProtocolError,
    framed,
    head_of,
)
from emulator.router.request_headers import VIA, request_headers
from emulator.router.routed_request import RoutedRequest, RouterError, ms
from emulator.router.upstream import Connection, keep

FIRST_S, ROLLING_S = 30, 55


class DynoExchange:
    """Sends the request and relays the answer. Raises RouterError."""

    def __init__(
        self, request: RoutedRequest, dyno: Dyno, connection: Connection, clock: Clock
    ) -> None:
        self.request, self.dyno, self.connection = request, dyno, connection
        self.clock = clock
        self.whole = False

    async def run(self) -> None:
        """Send the whole request and relay the whole answer."""
        sending = asyncio.create_task(self._send())
        try:
            begun = time.monotonic()
            answer = await self._head(sending)
            self.whole = await self._relay(answer)
            self.request.service_ms = ms(begun)
        finally:
            await self._end(sending)

    async def _end(self, sending: "asyncio.Task[None]") -> None:
        if not self.whole:
            self.request.service_ms = ms(self.request.started)

        if not sending.done():
            self.request.responder.keep = False
        sending.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await sending

        if self.whole:
            keep(self.dyno, self.connection)
        else:
            self.connection.close()

    async def _send(self) -> None:
        """Send the request with the router's headers, as fast as the dyno takes it."""
        message, writer = self.request.message, self.connection.writer
        chunked = message.chunked
        headers = request_headers(self.request)
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))

        writer.write(head_of(f"{message.method} {message.target} HTTP/1.1", headers))
        with suppress(ConnectionError):
            async for chunk in self.request.inbound.body(message):
                writer.writelines(framed(chunk, chunked))
                await writer.drain()

            if chunked:
                writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def _head(self, sending: "asyncio.Task[None]") -> Message:
        """The head of the dyno's answer."""
        head = asyncio.create_task(self.connection.inbound.head())
        client_gone = asyncio.create_task(self._client_gone(sending))
        try:
            done, _ = await asyncio.wait(
                {head, client_gone},
                timeout=self.clock.allowed(FIRST_S),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if head in done:
                return head.result()
            raise RouterError("H27" if client_gone in done else "H12")
        except ConnectionClosed as error:
            raise RouterError("H13") from error
        except ProtocolError as error:
            raise RouterError("H17") from error
        finally:
            for task in (head, client_gone):
                task.cancel()
                with suppress(asyncio.CancelledError, ConnectionClosed, ProtocolError):
                    await task

    async def _client_gone(self, sending: "asyncio.Task[None]") -> None:
        """Return when the client has closed its connection."""
        await asyncio.wait([sending])
        with suppress(ConnectionClosed, ProtocolError):
            if not sending.cancelled() and sending.exception():
                return

            while len(self.request.inbound.messages) < 2:
                await self.request.inbound.more()
            await asyncio.Event().wait()

    async def _relay(self, answer: Message) -> bool:
        """Pass the answer on; whether the connection can be used again."""
        request, inbound = self.request, self.connection.inbound
        bodyless = request.message.method == "HEAD" or answer.status in (204, 304)
        sized = bool(answer.header("content-length")) or answer.chunked
        headers = [item for item in answer.headers if item[0].lower() not in HOP_BY_HOP]

        request.status = answer.status
        try:
            await request.responder.start(answer.status, [*headers, ("Via", VIA)])
            if not bodyless:
                await self._relay_body(inbound.body(answer, until_end=not sized))
            await request.responder.finish()
        except ConnectionError as error:
            request.status = 499
            raise RouterError("H27") from error

        whole = answer.complete and answer.keep and sized and not bodyless
        if whole:
            inbound.done()

        return whole

    async def _relay_body(self, chunks: AsyncIterator[bytes]) -> None:
        iterator = aiter(chunks)
        while True:
            try:
                chunk = await asyncio.wait_for(anext(iterator), self.clock.allowed(ROLLING_S))
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise RouterError("H15") from error
            except (ConnectionClosed, ProtocolError) as error:
                self.request.status = 503
                raise RouterError("H18") from error

            await self.request.responder.write(chunk)
