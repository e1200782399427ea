"""One connection. A POST to a hot path is parsed by llhttp and answered by a plain callback, without task or scope.

Whatever else comes (another path, no Content-Length, `Expect`, an upgrade, a head or body that is too large, what
llhttp does not accept) is handed to gunicorn's own protocol with all its bytes, and so is the rest of the connection:
nothing is refused here that gunicorn would answer, and nothing is parsed here by hand. Requests of one connection are
answered one after the other; a client that sends more than it reads is not read from any more.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httptools

Headers = list[tuple[bytes, bytes]]
Respond = Callable[[int, Headers, bytes], None]
Handler = Callable[[Headers, bytes, Respond], None]

log = logging.getLogger("sluice.wire")
# At most what gunicorn takes: a longer line or one header more it refuses.
LARGEST_HEAD = 8 * 1024
MOST_HEADERS = 100
MOST_WAITING = 64 * 1024
_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    413: b"Content Too Large",
    422: b"Unprocessable Content",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
_STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, reason) for status, reason in _REASONS.items()}


# Of these, the first three once and well-formed; with the others a request goes the long way.
_NOTED = frozenset({b"content-length", b"host", b"content-type", b"transfer-encoding", b"expect", b"upgrade"})
_END = b"\r\n\r\n"


class _Enough(Exception):
    """Stops llhttp where a second request begins."""


class House(Protocol):
    """What a door needs of its worker."""

    hot: Mapping[bytes, Handler]
    largest_body: int
    date: bytes
    doors: "set[Door]"
    nr_conns: int
    draining: bool

    def other_protocol(self) -> Any:
        """gunicorn's protocol for one connection."""


class Door(asyncio.Protocol):
    """See above.

    since: loop time since which it waits for its client, None while a request is being answered; begun: whether some
    of a request has arrived; cut: ends the connection, whatever is under way.
    """

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        self.house, self.loop = house, loop
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting = b""
        self._clogged = False
        self._paused = False
        self._reset()

    def _reset(self) -> None:
        self.since: float | None = self.loop.time()
        self._raw = b""
        self._url = b""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._length = -1
        self._handler: Handler | None = None
        self._complete = False
        self._foreign = False
        self._keep = True
        self.begun = False

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        self._transport = transport
        self.cut = transport.abort
        self.house.nr_conns += 1
        self.house.doors.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client, or the server, closed it."""
        self._transport = None
        self.house.nr_conns -= 1
        self.house.doors.discard(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of this request, or of one that has to wait for its turn."""
        if self.since is None or self._clogged or self._waiting:
            self._wait(data)
        else:
            self._feed(data)

    def pause_writing(self) -> None:
        """The client does not read its answers: begin no further request."""
        self._clogged = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._clogged = False
        self._next()

    def close_if_idle(self) -> None:
        """Close unless a request is under way."""
        if self._transport is not None and self.since is not None and not self.begun and not self._waiting:
            self._close()

    def give_up(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer a request that did not arrive in time, and close."""
        if self._transport is not None and self.since is not None:
            self._keep, self.since = False, None
            self._respond(status, headers, body)

    # llhttp's callbacks, within `feed_data`

    def on_message_begin(self) -> None:
        """llhttp: the first byte of a request."""
        if self._complete:
            raise _Enough
        self.begun = True
        self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """llhttp: a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: one header."""
        self._headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        """llhttp: the head is whole; decide who answers."""
        hosts = types = 0
        for name, value in self._headers:
            if name in _NOTED:
                if name == b"content-length":
                    self._length = int(value) if value.isdigit() else -1
                elif name == b"host":
                    hosts += 1
                elif name == b"content-type":
                    types += 1
                else:
                    self._foreign = True
        self._handler = self.house.hot.get(self._url)
        if (
            self._handler is None
            or not 0 <= self._length <= self.house.largest_body
            or hosts > 1
            or types > 1
            or len(self._headers) > MOST_HEADERS
            # Not by the parsed method and version: llhttp also takes several spaces, and RTSP.
            or not self._raw.startswith(b"POST %b HTTP/1.1\r\n" % self._url)
            or (len(self._raw) > LARGEST_HEAD and self._raw.find(_END, 0, LARGEST_HEAD) < 0)
        ):
            self._foreign = True

    def on_body(self, body: bytes) -> None:
        """llhttp: a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """llhttp: the request is whole."""
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _wait(self, data: bytes) -> None:
        """Keep what has to wait for its turn, and stop reading if that is much."""
        if self._transport is None:
            return
        self._waiting += data
        if len(self._waiting) > MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _feed(self, data: bytes) -> None:
        # Empty lines before a request; gunicorn would skip one of them.
        if not self._raw and not self.begun:
            data = data.lstrip(b"\r\n")
        # What may have to be handed over is kept until it is known who answers.
        decided = self._handler is not None
        if not decided:
            self._raw += data
        more = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._foreign = True
        except httptools.HttpParserError:
            # A fault in what follows a whole request is met again when that is fed by itself.
            more = self._complete
            self._foreign = self._foreign or not more
        if self._foreign or (self._handler is None and len(self._raw) > LARGEST_HEAD):
            self._hand_over()
        elif self._complete:
            if more:
                self._keep_what_follows(data[len(self._body[-1]) :] if decided else self._raw[self._end() :])
            self._answer()

    def _keep_what_follows(self, follows: bytes) -> None:
        """The client did not wait for its answer: what follows is parsed when it has it."""
        self._waiting = follows + self._waiting
        self._parser = httptools.HttpRequestParser(self)

    def _end(self) -> int:
        """Where in `_raw` a request ends that arrived with its head."""
        return self._raw.find(_END) + len(_END) + self._length

    def _answer(self) -> None:
        """Let the handler answer. It may do so before it returns."""
        assert self._handler is not None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.since = None
        try:
            self._handler(self._headers, body, self._respond)
        except Exception:
            log.exception("a request could not be answered")
            self._keep = False
            self._respond(500, [], b"")

    def _respond(self, status: int, headers: Headers, body: bytes) -> None:
        transport = self._transport
        if transport is None or self.since is not None:
            return
        keep = self._keep and not self.house.draining
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        end = b"\r\n" if keep else b"connection: close\r\n\r\n"
        parts += (self.house.date, b"content-length: %d\r\n" % len(body), end, body)
        transport.write(b"".join(parts))
        if not keep:
            self._close()
            return
        self._reset()
        if self._waiting or self._paused:
            self.loop.call_soon(self._next)

    def _close(self) -> None:
        """Close, and neither read nor answer any more."""
        transport, self._transport, self.since = self._transport, None, None
        transport.close()

    def _next(self) -> None:
        """Go on with what the client sent meanwhile."""
        if self._transport is None or self.since is None or self._clogged:
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._waiting:
            data, self._waiting = self._waiting, b""
            self._feed(data)

    def _hand_over(self) -> None:
        transport, raw = self._transport, self._raw + self._waiting
        self.connection_lost(None)
        if self._paused:
            transport.resume_reading()
        other = self.house.other_protocol()
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(raw)
