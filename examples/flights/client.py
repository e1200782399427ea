"""A cheap HTTP/1.1 client on httptools and asyncio, one request at a time.

The load generator shares its two cores with the servers that it measures, so every microsecond here
is lost to them.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools


class ConnectionLost(ConnectionError):
    """The connection ended before the answer did. started: part of the answer had come."""

    def __init__(self, started: bool) -> None:
        self.started = started
        when = "within" if started else "before"
        super().__init__(f"connection closed {when} the answer")


@dataclass(frozen=True)
class Answer:
    """A status, headers (names in lower case) and a body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One persistent connection to `url` (http or https), opened when first needed.

    Use it from one task at a time.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        resend: bool = True,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"`{url}` is no address; write http://host:port")

        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        lines = {
            "host": parts.netloc.rpartition("@")[2],
            "content-type": "application/json",
            **(headers or {}),
        }
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._resend = resend
        self._wire: _Wire | None = None

    async def post(self, path: str, body: bytes) -> Answer:
        """Send `body` (JSON) and return the answer, whatever its status.

        A kept connection that the server closed meanwhile is replaced once, if no byte of an answer
        had come and `resend` is set. Raises TimeoutError after `timeout_s`, OSError when there is
        no connection to be had."""
        head = (
            f"POST {self._prefix}{path} HTTP/1.1\r\n{self._head}content-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(head.encode("latin-1") + body)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next post opens another."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _exchange(self, request: bytes) -> Answer:
        kept = self._wire
        if kept is not None and kept.usable:
            try:
                return await kept.ask(request)
            except ConnectionLost as lost:
                if lost.started or not self._resend:
                    raise

        self.close()
        self._wire = await self._connect()
        return await self._wire.ask(request)

    async def _connect(self) -> "_Wire":
        context = ssl.create_default_context() if self._secure else None
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(_Wire, self._host, self._port, ssl=context)
        return wire


class _Wire(asyncio.Protocol):
    """Bytes to answers."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._started = False

    async def ask(self, request: bytes) -> Answer:
        """Send one whole request and wait for its answer."""
        if self._transport is None or not self.usable:
            raise ConnectionLost(started=False)

        self._started = False
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Close without waiting for what may still come."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.usable = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        self._started = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"not an HTTP answer: {error}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.usable = False
        self._fail(ConnectionLost(self._started))

    def on_message_begin(self) -> None:
        self._headers, self._body = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._waiter is None or self._waiter.done():
            return
        self.usable = self._parser.should_keep_alive()
        self._waiter.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
