"""One loopback port for everything: the API by the machine's own name, apps by their Host."""

import asyncio
import json
from contextlib import suppress

from emulator.api.api import Api
from emulator.api.errors import NO_ENDPOINT
from emulator.api.signed_urls import Addresses
from emulator.checks.control import Control
from emulator.platform import Platform
from emulator.router.http1 import Closed, Garbled, Inbound, Message, Responder
from emulator.router.router import Router

API_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "api.heroku.com", "api.localhost"})
IDLE_S = 90
ADDRESSES = ("/storage/", "/streams/", "/logplex/")


class Server:
    """Listens on loopback only."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.api, self.addresses = Api(platform), Addresses(platform)
        self.control, self.front = Control(platform), Router(platform.world, platform.clock)
        self._open: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; returns the port (another one than 0)."""
        self._listener = await asyncio.start_server(
            self._connected, "127.0.0.1", port, limit=256 * 1024
        )
        found = int(self._listener.sockets[0].getsockname()[1])
        self.platform.base = f"http://127.0.0.1:{found}"
        self.platform.draining.port = found
        return found

    async def stop(self) -> None:
        """Take no more and break what is open."""
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
            while await self._one(inbound, writer, client):
                pass
        except (Closed, ConnectionError, asyncio.CancelledError):
            pass
        except Garbled:
            with suppress(ConnectionError):
                writer.write(
                    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
        finally:
            writer.close()

    async def _one(self, inbound: Inbound, writer: asyncio.StreamWriter, client: str) -> bool:
        """Answer one request; whether the connection goes on."""
        try:
            message = await asyncio.wait_for(inbound.head(), self.platform.clock.allowed(IDLE_S))
        except TimeoutError:
            return False

        responder = Responder(writer, message.method, message.keep)
        try:
            await self._serve(inbound, message, responder, client)
        except (Closed, ConnectionError, Garbled, asyncio.CancelledError):
            raise
        except Exception:
            # A client must not wait for ever for a fault of the emulator's own.
            if not responder.started:
                responder.keep = False
                await responder.send(
                    500,
                    [("Content-Type", "text/plain")],
                    b"The emulator has a fault: see its terminal.\n",
                )
            raise

        if not message.complete:
            return False

        inbound.done()
        return responder.keep

    async def _serve(
        self, inbound: Inbound, message: Message, responder: Responder, client: str
    ) -> None:
        host = message.header("host").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in API_HOSTS:
            await self.front.serve(inbound, message, responder, client)
        elif message.target.startswith(ADDRESSES):
            await self.addresses.serve(inbound, message, responder)
        elif message.target.startswith("/emulator/"):
            await self.control.serve(inbound, message, responder)
        elif message.target == "/schema" and message.method == "GET":
            await self._schema(responder)
        else:
            await self.api.serve(inbound, message, responder)

    async def _schema(self, responder: Responder) -> None:
        raw = self.platform.schema.raw
        body = json.dumps(raw or NO_ENDPOINT.body()).encode()
        await responder.send(
            200 if raw else 404, [("Content-Type", "application/schema+json")], body
        )
