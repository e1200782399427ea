"""Connection pools to versions. HTTP is parsed by httptools (llhttp).

An exchange needs no task: its callback is called exactly once, with an Answer or a Failure."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools

from router.dispatch.processes import Processes

IDLE_S = 50.0
"""An idle connection is closed after this time: a platform's proxy would do so after 55 s, perhaps
during a request.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. reason: connect, closed, timeout or garbled.

    stale: a reused connection was closed before the first byte of the answer."""

    reason: str
    detail: str
    stale: bool = False


Callback = Callable[[Answer | Failure], None]
# Chance says which process takes a connection: so many are opened before a batch waits for one.
MOST_A_PROCESS = 4


class UpstreamConnection(asyncio.Protocol):
    """One connection of a pool, with one exchange at a time. Idle while `callback` is None.

    process: the one of the version's processes that it leads to, empty while that is not known."""

    def __init__(self, pool: "Pool", loop: asyncio.AbstractEventLoop) -> None:
        self.pool, self.loop = pool, loop
        self.transport: Any = None
        self.callback: Callback | None = None
        self.used = 0
        self.idle_since = 0.0
        self.process = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = transport

    def exchange(self, head: bytes, body: bytes, callback: Callback, timeout_s: float) -> None:
        """Send a request; `callback` gets its outcome."""
        self.callback = callback
        self.used += 1
        self.pool.processes.begin(self.process)
        self.parser = httptools.HttpResponseParser(self)
        self.chunks: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.heard = False
        self.timer = self.loop.call_later(timeout_s, self._give_up, timeout_s)
        self.transport.writelines([head, body])

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; one that is not HTTP ends the connection."""
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
        """httptools: the answer is complete."""
        keep = self.parser.should_keep_alive()
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self._finish(Answer(self.parser.get_status_code(), self.headers, body), keep)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is closed."""
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
        processes = self.pool.processes
        processes.end(self.process)
        if isinstance(outcome, Answer):
            self.process = processes.named_in(outcome.headers, self.process)

        if keep and not self.transport.is_closing():
            self.idle_since = self.loop.time()
            self.pool.free(self)
        else:
            self.transport.abort()

        self.pool.in_flight -= 1
        callback(outcome)


class Pool:
    """Connections to one address. `close()` lets exchanges in progress finish.

    address: `unix:/path`, `http://host:port` or `https://host`.
    through: a `host:port` to connect to instead, without TLS, which routes by the Host header (the
    proxy of an emulated platform)."""

    def __init__(
        self, address: str, secret: str, loop: asyncio.AbstractEventLoop, through: str = ""
    ) -> None:
        self.address, self.loop = address, loop
        self._endpoint = _endpoint(address, through)
        self.in_flight = 0
        self.processes = Processes()
        self._idle: list[UpstreamConnection] = []
        self._connections = 0
        self._open = True
        self._authorization = f"Authorization: Bearer {secret}\r\n".encode()
        self._connecting: set[asyncio.Task[None]] = set()
        self._predict_head = self._head(
            "POST", "/predict", b"X-Sluice-Batch: 1\r\nContent-Type: application/json\r\n"
        )

    def predict(
        self, body: bytes, callback: Callback, timeout_s: float, headers: bytes = b""
    ) -> None:
        """Send one batch to /predict. headers: further lines of the head."""
        head = b"%b%d\r\n%b\r\n" % (self._predict_head, len(body), headers)
        self._send(head, body, callback, timeout_s)

    def forward(
        self, method: str, path: str, content_type: bytes, body: bytes, timeout_s: float
    ) -> "asyncio.Future[Any]":
        """Send any request; the future gets an Answer or a Failure.

        path: checked by the caller. HEAD is sent as GET, whose answer is parsed in the same way."""
        if method == "HEAD":
            method = "GET"

        future: asyncio.Future[Answer | Failure] = self.loop.create_future()

        def arrived(outcome: Answer | Failure) -> None:
            if not future.done():
                future.set_result(outcome)

        head = self._head(method, path, b"Content-Type: " + content_type + b"\r\n")
        self._send(b"%b%d\r\n\r\n" % (head, len(body)), body, arrived, timeout_s)
        return future

    def free(self, connection: UpstreamConnection) -> None:
        """Keep a connection after an exchange."""
        if self._open:
            self._idle.append(connection)
        else:
            connection.transport.close()

    def lost(self, connection: UpstreamConnection) -> None:
        """Remove a connection that was closed."""
        self._connections -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close idle connections now, and the others after their answer."""
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
            connection = self._least_busy()
            if connection is None:
                break

            if self.loop.time() - connection.idle_since > IDLE_S:
                connection.transport.close()
            elif not connection.transport.is_closing():
                connection.exchange(head, body, callback, timeout_s)
                return

        task = self.loop.create_task(self._connect_and_send(head, body, callback, timeout_s))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _least_busy(self) -> UpstreamConnection | None:
        """Take an idle connection to the process with the fewest exchanges.

        None where all of them lead to busy processes and a new one may lead to another."""
        processes = self.processes
        if processes.count == 1:
            return self._idle.pop()

        best = min(reversed(self._idle), key=_process_exchanges)
        if _process_exchanges(best) and self._connections < MOST_A_PROCESS * processes.count:
            return None

        self._idle.remove(best)
        return best

    async def _connect_and_send(
        self, head: bytes, body: bytes, callback: Callback, timeout_s: float
    ) -> None:
        try:
            async with asyncio.timeout(min(2.0, timeout_s)):
                connection = await self._connect()
        except (OSError, TimeoutError) as error:
            self.in_flight -= 1
            # Without the message of the error, which has the address of the version.
            callback(Failure("connect", f"it cannot be reached ({type(error).__name__})"))
            return

        connection.exchange(head, body, callback, timeout_s)

    async def _connect(self) -> UpstreamConnection:
        def make() -> UpstreamConnection:
            self._connections += 1
            return UpstreamConnection(self, self.loop)

        endpoint = self._endpoint
        if endpoint.path:
            _, connection = await self.loop.create_unix_connection(make, endpoint.path)
            return connection

        name = endpoint.host if endpoint.tls else None
        _, connection = await self.loop.create_connection(
            make, endpoint.host, endpoint.port, ssl=endpoint.tls, server_hostname=name
        )
        return connection


def _process_exchanges(connection: UpstreamConnection) -> int:
    return connection.pool.processes.exchanges_of(connection.process)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. name: the Host header. path: of a unix socket; else host, port and tls."""

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
