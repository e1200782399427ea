"""HTTP/1.1 messages over streams, parsed by llhttp. Nothing is read before it is needed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import httptools

Headers = list[tuple[str, str]]
READ = 64 * 1024
HEAD_LIMIT = 64 * 1024
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


class ConnectionClosed(Exception):
    """The other side closed the connection before its message was whole.

    received: whether some of it had arrived.
    """

    def __init__(self, received: bool = False) -> None:
        super().__init__("the connection was closed")
        self.received = received


class ProtocolError(Exception):
    """What arrived is not HTTP, or its head is too large."""


class Message:
    """A request or a response as it arrives."""

    def __init__(self) -> None:
        self.method = ""
        self.target = ""
        self.status = 0
        self.headers: Headers = []
        self.chunks: deque[bytes] = deque()
        self.has_head = self.complete = self.keep = False
        self.size = 0

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name (lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value

        return default

    @property
    def chunked(self) -> bool:
        """Whether its body comes in chunks."""
        return "chunked" in self.header("transfer-encoding").lower()


class Inbound:
    """The messages of one connection in their order, and the parser's callbacks."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        request: bool,
        writer: asyncio.StreamWriter | None = None,
    ) -> None:
        self.reader, self.request, self.writer = reader, request, writer
        parser = httptools.HttpRequestParser if request else httptools.HttpResponseParser
        self.parser: Any = parser(self)
        self.messages: deque[Message] = deque()
        self.received = self.ended = False

    def on_message_begin(self) -> None:
        """The parser calls this and the other `on_` methods."""
        self.messages.append(Message())

    def on_url(self, url: bytes) -> None:
        self._grow(url)
        self.messages[-1].target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(name + value)
        self.messages[-1].headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        message = self.messages[-1]
        message.has_head = True
        message.keep = self.parser.should_keep_alive()
        if self.request:
            message.method = self.parser.get_method().decode("latin-1")
        else:
            message.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.messages[-1].chunks.append(body)

    def on_message_complete(self) -> None:
        self.messages[-1].complete = True

    def _grow(self, part: bytes) -> None:
        message = self.messages[-1]
        message.size += len(part)
        if message.size > HEAD_LIMIT:
            raise ProtocolError("the head is too large")

    async def more(self) -> None:
        """Read and parse once; raises ConnectionClosed or ProtocolError."""
        try:
            data = await self.reader.read(READ)
        except (ConnectionError, OSError):
            data = b""

        if not data:
            self.ended = True
            raise ConnectionClosed(self.received)

        self.received = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Not emulated: the request is answered as if it had not asked for another protocol.
            self.messages[-1].complete, self.messages[-1].keep = True, False
            rest = data[upgrade.args[0] :]
            if rest:
                raise ProtocolError("bytes of another protocol") from upgrade
        except httptools.HttpParserError as error:
            raise ProtocolError(str(error.__context__ or error)) from error

    async def head(self) -> Message:
        """The next message, once its head has arrived; interim (1xx) responses are skipped."""
        while True:
            while not self.messages or not self.messages[0].has_head:
                await self.more()

            if self.request or self.messages[0].status >= 200:
                return self.messages[0]

            while not self.messages[0].complete:
                await self.more()
            self.messages.popleft()

    async def body(self, message: Message, until_end: bool = False) -> AsyncIterator[bytes]:
        """The body's chunks. until_end: it has no length, so the connection's end is its end."""
        expects = message.header("expect").lower()
        if self.writer and expects == "100-continue" and not message.complete:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

        while True:
            while message.chunks:
                yield message.chunks.popleft()
            if message.complete:
                return

            try:
                await self.more()
            except ConnectionClosed:
                if until_end:
                    return
                raise

    def done(self) -> None:
        """Forget the first message, which was read to its end."""
        self.messages.popleft()


def head_of(first: str, headers: Headers) -> bytes:
    """A message's head on the wire."""
    lines = [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1", "replace")


def framed(data: bytes, chunked: bool) -> list[bytes]:
    """A piece of a body on the wire."""
    if chunked:
        return [b"%x\r\n" % len(data), data, b"\r\n"]
    return [data]


class Responder:
    """Answers one request; whole (`send`) or in pieces (`start`, `write`, `finish`)."""

    def __init__(self, writer: asyncio.StreamWriter, method: str, keep: bool) -> None:
        self.writer, self.method, self.keep = writer, method, keep
        self.started = self.chunked = False
        self.bytes = 0

    async def send(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Send one whole answer."""
        await self.start(status, [*headers, ("Content-Length", str(len(body)))])
        await self.write(body)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head; without a Content-Length the body goes in chunks."""
        self.started = True
        self.bodyless = self.method == "HEAD" or status in (204, 304)
        sized = any(name.lower() == "content-length" for name, _ in headers)
        self.chunked = not sized and not self.bodyless

        framing: Headers = []
        if self.chunked:
            framing.append(("Transfer-Encoding", "chunked"))
        if status == 304:
            headers = [item for item in headers if item[0].lower() != "content-length"]

        framing.append(("Connection", "keep-alive" if self.keep else "close"))
        self.writer.write(head_of(f"HTTP/1.1 {status} {_phrase(status)}", headers + framing))
        await self.writer.drain()

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self.bodyless or not data:
            return
        self.bytes += len(data)
        self.writer.writelines(framed(data, self.chunked))
        await self.writer.drain()

    async def finish(self) -> None:
        """End a body that went in pieces."""
        if self.chunked:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    def reset(self) -> None:
        """Break the connection without an answer."""
        self.keep = False
        transport: Any = self.writer.transport
        transport.abort()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
