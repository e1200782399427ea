"""Kept connections to one address of a version. HTTP is parsed by httptools (llhttp); one exchange
at a time each.

No task is made per exchange: the caller gives a callback, which is called exactly once with an
Answer or a Failure."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools

IDLE_S = 50.0
"""A kept connection rests no longer than this: a platform's front closes it after 55 s, in the
middle of a request.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. reason: connect, closed, timeout or garbled; stale: a kept one closed before any
    byte.
    """

    reason: str
    detail: str
    stale: bool = False


Callback = Callable[[Answer | Failure], None]


class UpstreamConnection(asyncio.Protocol):
    """One kept connection. Free while `callback` is None."""

    def __init__(self, pool: "Pool", loop: asyncio.AbstractEventLoop) -> None:
        self.pool, self.loop = pool, loop
        self.transport: Any = None
        self.callback: Callback | None = None
        self.used = 0
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def exchange(self, head: bytes, body: bytes, callback: Callback, timeout_s: float) -> None:
        """Send a request and call back with its outcome."""
        self.callback = callback
        self.used += 1
        self.parser = httptools.HttpResponseParser(self)
        self.chunks: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.heard = False
        self.timer = self.loop.call_later(timeout_s, self._give_up, timeout_s)
        self.transport.writelines([head, body])

    def data_received(self, data: bytes) -> None:
        """Feed the parser; an answer that is not HTTP ends the connection."""
        if self.callback is None:
            self.transport.close()
            return

        self.heard = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(Failure("garbled", str(error)), keep=False)

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        keep = self.parser.should_keep_alive()
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self._finish(Answer(self.parser.get_status_code(), self.headers, body), keep)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The other side is gone."""
        stale = self.used > 1 and not getattr(self, "heard", False)
        self.pool.lost(self)
        self._finish(Failure("closed", "the connection was closed", stale), keep=False)

    def _give_up(self, timeout_s: float) -> None:
        self._finish(Failure("timeout", f"no answer within {timeout_s:.3g} s"), keep=False)

    def _finish(self, outcome: Answer | Failure, keep: bool) -> None:
        callback, self.callback = self.callback, None
        if callback is None:
            return

        self.timer.cancel()
        if keep and not self.transport.is_closing():
            self.idle_since = self.loop.time()
            self.pool.free(self)
        else:
            self.transport.abort()

        self.pool.in_flight -= 1
        callback(outcome)


class Pool:
    """Connections to one address; `close()` lets those in use finish.

    address: `unix:/path`, `http://host:port` or `https://host`; through: a `host:port` to connect
    to instead, without TLS, which knows by the Host header who is meant (a rehearsal's front)."""

    def __init__(
        self, address: str, secret: str, loop: asyncio.AbstractEventLoop, through: str = ""
    ) -> None:
        self.address, self.loop = address, loop
        self._endpoint = _endpoint(address, through)
        self.in_flight = 0
        self._idle: list[UpstreamConnection] = []
        self._open = True
        self._authorization = f"Authorization: Bearer {secret}\r\n".encode()
        self._connecting: set[asyncio.Task[None]] = set()
        self._predict_head = self._head(
            "POST", "/predict", b"X-Sluice-Batch: 1\r\nContent-Type: application/json\r\n"
        )

    def predict(self, body: bytes, callback: Callback, timeout_s: float) -> None:
        """Send one batch to the version's /predict."""
        self._send(b"%b%d\r\n\r\n" % (self._predict_head, len(body)), body, callback, timeout_s)

    def forward(
        self, method: str, path: str, content_type: bytes, body: bytes, timeout_s: float
    ) -> "asyncio.Future[Any]":
        """Send any request as it is; the future holds an Answer or a Failure. `path` was matched.

        HEAD is asked for as GET: whether an answer has a body does not depend on who parses it
        then."""
        method = "GET" if method == "HEAD" else method
        future: asyncio.Future[Answer | Failure] = self.loop.create_future()
        head = self._head(
            method, path, b"Content-Type: " + content_type + b"\r\n"
        ) + b"%d\r\n\r\n" % len(body)
        self._send(
            head,
            body,
            lambda outcome: None if future.done() else future.set_result(outcome),
            timeout_s,
        )
        return future

    def free(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next exchange."""
        if self._open:
            self._idle.append(connection)
        else:
            connection.transport.close()

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that was closed."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close idle connections now and the others after their answer."""
        self._open = False
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()

    def _head(self, method: str, path: str, more: bytes) -> bytes:
        start = f"{method} {path} HTTP/1.1\r\nHost: {self._endpoint.name}\r\n".encode()
        return start + self._authorization + more + b"Content-Length: "

    def _send(self, head: bytes, body: bytes, callback: Callback, timeout_s: float) -> None:
        self.in_flight += 1
        while self._idle:
            connection = self._idle.pop()
            if self.loop.time() - connection.idle_since > IDLE_S:
                connection.transport.close()
            elif not connection.transport.is_closing():
                connection.exchange(head, body, callback, timeout_s)
                return

        task = self.loop.create_task(self._connect_and_send(head, body, callback, timeout_s))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect_and_send(
        self, head: bytes, body: bytes, callback: Callback, timeout_s: float
    ) -> None:
        try:
            async with asyncio.timeout(min(2.0, timeout_s)):
                connection = await self._connect()
        except (OSError, TimeoutError) as error:
            self.in_flight -= 1
            # The error's own words have the address, which is nobody's business.
            callback(Failure("connect", f"it cannot be reached ({type(error).__name__})"))
            return

        connection.exchange(head, body, callback, timeout_s)

    async def _connect(self) -> UpstreamConnection:
        def make() -> UpstreamConnection:
            return UpstreamConnection(self, self.loop)

        end = self._endpoint
        if end.path:
            _, connection = await self.loop.create_unix_connection(make, end.path)
        else:
            name = end.host if end.tls else None
            _, connection = await self.loop.create_connection(
                make, end.host, end.port, ssl=end.tls, server_hostname=name
            )

        return connection


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and the name to ask for there. path: of a unix socket, else host and port;
    tls: None: plain.
    """

    name: str
    path: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None


def _endpoint(address: str, through: str) -> Endpoint:
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return Endpoint("version", path=rest)

    name = rest.removeprefix("//").rstrip("/")
    if through:
        host, _, port = through.rpartition(":")
        return Endpoint(name, host=host, port=int(port))

    if kind == "https":
        host, _, port = name.partition(":")
        return Endpoint(name, host=host, port=int(port or 443), tls=ssl.create_default_context())

    host, _, port = name.rpartition(":")
    return Endpoint(name, host=host, port=int(port))
