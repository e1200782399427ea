"""The server: one loopback port for the API, by the machine's names, and apps, by their Host."""

import asyncio
import json
from contextlib import suppress

from emulator.api.api import Api
from emulator.api.errors import NO_ENDPOINT
from emulator.api.signed_urls import SignedUrls
from emulator.checks.control import Control
from emulator.platform import Platform
from emulator.router.http1 import ConnectionClosed, Inbound, Message, ProtocolError, Responder
from emulator.router.router import Router

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FAULT = b"The emulator has a fault: see its terminal.\n"
API_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "api.heroku.com", "api.localhost"})
IDLE_S = 90
SIGNED = ("/storage/", "/streams/", "/logplex/")


class Server:
    """Listens on loopback only."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.api, self.signed_urls = Api(platform), SignedUrls(platform)
        self.control, self.router = Control(platform), Router(platform.state, platform.clock)
        self._open: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; returns the port, which is a free one for 0."""
        self._listener = await asyncio.start_server(
            self._connected, "127.0.0.1", port, limit=256 * 1024
        )
        actual_port = int(self._listener.sockets[0].getsockname()[1])
        self.platform.base = f"http://127.0.0.1:{actual_port}"
        self.platform.log_drains.port = actual_port
        return actual_port

    async def stop(self) -> None:
        """Accept no more connections and close those that are open."""
        if self._listener:
            self._listener.close()

        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        inbound = Inbound(reader, request=True, writer=writer)
        client = writer.get_extra_info("peername")[0]
        try:
            while await self._serve_one(inbound, writer, client):
                pass
        except (ConnectionClosed, ConnectionError, asyncio.CancelledError):
            pass
        except ProtocolError:
            with suppress(ConnectionError):
                writer.write(BAD_REQUEST)
        finally:
            writer.close()

    async def _serve_one(self, inbound: Inbound, writer: asyncio.StreamWriter, client: str) -> bool:
        """Answer one request; returns whether the connection stays open."""
        try:
            message = await asyncio.wait_for(inbound.head(), self.platform.clock.allowed(IDLE_S))
        except TimeoutError:
            return False

        responder = Responder(writer, message.method, message.keep)
        try:
            await self._serve(inbound, message, responder, client)
        except (ConnectionClosed, ConnectionError, ProtocolError, asyncio.CancelledError):
            raise
        except Exception:
            # A client must not wait for ever for a fault of the emulator's own.
            if not responder.started:
                responder.keep = False
                await responder.send(500, [("Content-Type", "text/plain")], FAULT)
            raise

        if not message.complete:
            return False

        inbound.done()
        return responder.keep

    async def _serve(
        self, inbound: Inbound, message: Message, responder: Responder, client: str
    ) -> None:
        host = message.header("host").lower()
        without_port = host.rpartition(":")[0]
        if host not in API_HOSTS and without_port not in API_HOSTS:
            await self.router.serve(inbound, message, responder, client)
        elif message.target.startswith(SIGNED):
            await self.signed_urls.serve(inbound, message, responder)
        elif message.target.startswith("/emulator/"):
            await self.control.serve(inbound, message, responder)
        elif message.target == "/schema" and message.method == "GET":
            await self._schema(responder)
        else:
            await self.api.serve(inbound, message, responder)

    async def _schema(self, responder: Responder) -> None:
        status, body = 404, NO_ENDPOINT.body()
        if self.platform.schema.raw:
            status, body = 200, self.platform.schema.raw

        headers = [("Content-Type", "application/schema+json")]
        await responder.send(status, headers, json.dumps(body).encode())
