"""The fast path: llhttp parses a POST to a hot URL, and a plain callback answers it.

Every other request (another URL, no Content-Length, `Expect`, an upgrade, a head or body that is
too large, anything that llhttp rejects) takes the slow path: gunicorn's own protocol gets all its
bytes, and the connection until it waits for a next POST. So nothing is refused here that gunicorn
would answer, and nothing is parsed by hand. The requests of one connection are answered one after
the other. A client that sends more than it reads is not read from until it reads."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import httptools

from wire.budget import RETRY_AFTER_S, ByteBudget
from wire.problems import problem
from wire.read_turns import PIECE_BYTES, ReadingPauses, ReadTurns

Headers = list[tuple[bytes, bytes]]
Respond = Callable[[int, Headers, bytes], None]
Handler = Callable[[Headers, bytes, Respond], None]

log = logging.getLogger("sluice.wire")
# At most what gunicorn takes: a longer line or one header more it refuses.
LARGEST_HEAD = 8 * 1024
MOST_HEADERS = 100
MOST_WAITING = 64 * 1024
# A body of at most this size that arrives in one piece is answered at once and not counted.
UNCOUNTED_BYTES = 16 * 1024
# Why a connection is not read from: too many bytes wait to be parsed, or others are read first.
WAITING, TURN = "waiting", "turn"
# An unread answer shrinks by a quarter in this time, or its connection is aborted.
SLOWEST_READER_S = 30.0
_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    422: b"Unprocessable Content",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
_STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason) for status, reason in _REASONS.items()
}
# The first three must be well-formed and stand once; the others send a request to the slow path.
_CHECKED_HEADERS = frozenset(
    {b"content-length", b"host", b"content-type", b"transfer-encoding", b"expect", b"upgrade"}
)
_END = b"\r\n\r\n"


class _NextRequest(Exception):
    """Stops llhttp where a second request begins."""


class WorkerContext(Protocol):
    """What a connection needs from its worker."""

    hot: Mapping[bytes, Handler]
    largest_body: int
    date: bytes
    connections: "set[HttpConnection]"
    nr_conns: int
    most_conns: int
    draining: bool
    budget: ByteBudget
    turns: ReadTurns

    def make_room(self) -> None:
        """Abort the connections that waited longest for their clients: there are too many."""

    def refused(self, status: int) -> None:
        """Count an error that was answered without the app."""

    def other_protocol(self) -> Any:
        """A slow-path protocol for one connection."""


class HttpConnection(asyncio.Protocol):
    """One client's connection on the fast path.

    since: loop time since which it waits for its client, None while a request is being answered.
    begun: whether some of a request has arrived.
    abort: closes the connection at once, even during a request.
    refused: its request was refused, and whatever its client still sends is discarded."""

    def __init__(self, worker: WorkerContext, loop: asyncio.AbstractEventLoop) -> None:
        self.worker, self.loop = worker, loop
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting = b""
        self._clogged = False
        self._pauses: Any = None
        self._ended = False
        self.refused = False
        self._held = 0
        # Loop time and bytes of an unread answer when its reader was last looked at.
        self._unread = (0.0, 0)
        self._reset()

    def _reset(self) -> None:
        self.since: float | None = self.loop.time()
        self._raw = b""
        self._url = b""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self._length = -1
        self._handler: Handler | None = None
        self._complete = False
        self._foreign = False
        self._keep = True
        self.begun = False

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        self._transport, self._pauses = transport, ReadingPauses(transport)
        self.abort, self._unsent = transport.abort, transport.get_write_buffer_size
        self.worker.nr_conns += 1
        self.worker.connections.add(self)
        if self.worker.nr_conns > self.worker.most_conns:
            self.worker.make_room()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is closed."""
        self._transport = None
        self.worker.nr_conns -= 1
        self.worker.connections.discard(self)
        # Connection and parser refer to each other: without this their bytes would stay until the
        # next garbage collection.
        self._body, self._raw, self._waiting = [], b"", b""
        if self._held:
            self._held = 0
            self.worker.budget.release(self)

    def eof_received(self) -> bool:
        """The client sends no more. Returns whether answers are still to be sent."""
        self._ended = True
        return self._transport is not None and (self.since is None or bool(self._waiting))

    def data_received(self, data: bytes) -> None:
        """Bytes of the current request, or of a later one that has to wait."""
        if self.refused:
            self._take_turn(data)
        elif self.since is None or self._clogged or self._waiting:
            self._wait(data)
        else:
            self._feed(data)

    def pause_writing(self) -> None:
        """The client does not read its answers: start no further request."""
        self._clogged = True
        if self._transport is not None:
            self._unread = (self.loop.time(), self._unsent())
            self._count()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._clogged = False
        self._unread = (0.0, 0)
        if self._held:
            self._count()
        self._next()

    def close_if_idle(self) -> None:
        """Close unless a request is in progress."""
        if (
            self._transport is not None
            and self.since is not None
            and not self.begun
            and not self._waiting
        ):
            self._close()

    @property
    def unfinished(self) -> bool:
        """See wire/budget.py."""
        return self.since is not None or self._transport is None

    def evict(self) -> None:
        """Free the bytes held: refuse a request that is incomplete, or abort an unread answer."""
        if self._transport is None or self._clogged or not self.begun:
            self.abort()
            self._held = 0
            self.worker.budget.release(self)
        else:
            self.give_up(*_too_many_bytes(self._url))

    def close_slow_reader(self, now: float) -> None:
        """Abort if hardly any of the answer was read for SLOWEST_READER_S. now: loop time."""
        began, size = self._unread
        if not self._clogged or now - began < SLOWEST_READER_S:
            return

        left = self._unsent()
        if left > size - size // 4:
            self.abort()
        else:
            self._unread = (now, left)

    def give_up_late(self) -> None:
        """Refuse a request that has not arrived in time."""
        late = problem(408, "the request did not arrive in time", "send it in one go", self._url)
        self.give_up(408, *late)

    def give_up(self, status: int, headers: Headers, body: bytes) -> None:
        """Refuse a request that is incomplete; close later, since its client may still send."""
        transport = self._transport
        if transport is None or self.since is None or self.refused:
            return

        self._keep, self._waiting = False, b""
        self._write(status, headers, body, keep=False)
        self._reset()
        self._release()
        self.refused = True
        self.worker.refused(status)
        self._pauses.remove(WAITING)
        transport.write_eof()

    # llhttp's callbacks, called by `feed_data`

    def on_message_begin(self) -> None:
        """llhttp: the first byte of a request."""
        if self._complete:
            raise _NextRequest
        self.begun = True
        self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """llhttp: a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: one header."""
        self._headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        """llhttp: the head is complete; choose the fast or the slow path."""
        hosts = types = 0
        for name, value in self._headers:
            if name in _CHECKED_HEADERS:
                if name == b"content-length":
                    self._length = int(value) if value.isdigit() else -1
                elif name == b"host":
                    hosts += 1
                elif name == b"content-type":
                    types += 1
                else:
                    self._foreign = True

        self._handler = self.worker.hot.get(self._url)
        if (
            self._handler is None
            or not 0 <= self._length <= self.worker.largest_body
            or hosts != 1
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
        self._size += len(body)

    def on_message_complete(self) -> None:
        """llhttp: the request is complete."""
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _wait(self, data: bytes) -> None:
        """Keep bytes of later requests, and stop reading if there are many."""
        if self._transport is None:
            return

        self._waiting += data
        size = len(self._waiting)
        if (size > UNCOUNTED_BYTES and not self._count()) or size > MOST_WAITING:
            self._pauses.add(WAITING)

    def _feed(self, data: bytes) -> None:
        # gunicorn, too, skips an empty line before a request, but only one.
        if not self._raw and not self.begun:
            data = data.lstrip(b"\r\n")

        # The bytes are kept until it is known whether they take the slow path.
        decided = self._handler is not None
        if not decided:
            self._raw += data

        more = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._foreign = True
        except httptools.HttpParserError:
            # An error after a complete request is found again when the next one is parsed.
            more = self._complete
            self._foreign = self._foreign or not more

        if self._foreign or (self._handler is None and len(self._raw) > LARGEST_HEAD):
            self._hand_over()
        elif self._complete:
            if more and decided:
                self._keep_what_follows(data[len(self._body[-1]) :])
            elif more:
                self._keep_what_follows(self._raw[self._end() :])

            if self._size > UNCOUNTED_BYTES and not self._count():
                self._refuse()
            else:
                self._answer()
        elif self._handler is not None:
            # Only the body follows: its first piece is in `_body` already.
            self._raw = b""
            if not self._count():
                self._refuse()

            self._take_turn(data)

    def _take_turn(self, data: bytes) -> None:
        """After a large piece of a body, read on once the other connections were read from."""
        if len(data) >= PIECE_BYTES and TURN not in self._pauses and self._transport is not None:
            self._pauses.add(TURN)
            self.worker.turns.take(partial(self._pauses.remove, TURN))

    def _count(self) -> bool:
        """Report the bytes held to the budget. Returns False where they exceed it."""
        held = self._size + len(self._waiting) + self._unread[1]
        if held == self._held:
            return True

        self._held = held
        return self.worker.budget.change(self, held)

    def _release(self) -> None:
        """Release the bytes that the budget counted for this request."""
        if self._held:
            self._count()

    def _refuse(self) -> None:
        """Answer 503: this request exceeds the budget, though others were evicted."""
        if not self.refused:
            self.give_up(*_too_many_bytes(self._url))

    def _keep_what_follows(self, follows: bytes) -> None:
        """Keep a request that was sent before the previous answer; it is parsed after that."""
        self._waiting = follows + self._waiting
        self._parser = httptools.HttpRequestParser(self)

    def _end(self) -> int:
        """The end, in `_raw`, of a request that arrived together with its head."""
        return self._raw.find(_END) + len(_END) + self._length

    def _answer(self) -> None:
        """Call the handler, which may answer before it returns."""
        assert self._handler is not None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        self.since = None
        try:
            self._handler(self._headers, body, self._respond)
        except Exception:
            log.exception("a request could not be answered")
            if self._transport is not None and self.since is None:
                self._keep = False
                self.worker.refused(500)
                detail = "the server's log has the cause"
                self._respond(500, *problem(500, "the server failed", detail, self._url))

    def _respond(self, status: int, headers: Headers, body: bytes) -> None:
        if self._transport is None or self.since is not None:
            return

        keep = self._keep and not self.worker.draining and not (self._ended and not self._waiting)
        self._write(status, headers, body, keep)
        if not keep:
            self._close()
            return

        self._reset()
        if self._held:
            self._count()

        if self._waiting or self._pauses:
            self.loop.call_soon(self._next)

    def _write(self, status: int, headers: Headers, body: bytes, keep: bool) -> None:
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")

        end = b"\r\n" if keep else b"connection: close\r\n\r\n"
        parts += (self.worker.date, b"content-length: %d\r\n" % len(body), end, body)
        self._transport.write(b"".join(parts))

    def _close(self) -> None:
        """Close once the client has read the answer; read and answer no more."""
        transport, self._transport, self.since = self._transport, None, None
        self._clogged, self._unread = True, (self.loop.time(), self._unsent())
        transport.close()

    def _next(self) -> None:
        """Go on with what the client sent in the meantime."""
        if self._transport is None or self.since is None or self._clogged:
            return

        self._pauses.remove(WAITING)
        if self._waiting:
            data, self._waiting = self._waiting, b""
            self._feed(data)
            if (
                self._ended
                and self._transport is not None
                and self.since is not None
                and not self._waiting
            ):
                # The request is incomplete, and no more of it will come.
                self._close()

    def _hand_over(self) -> None:
        transport, raw = self._transport, self._raw + self._waiting
        self.connection_lost(None)
        self._pauses.clear()
        other = self.worker.other_protocol()
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(raw)
        if self._ended and not other.eof_received():
            transport.close()


def _too_many_bytes(url: bytes) -> tuple[int, Headers, bytes]:
    headers, body = problem(
        503,
        "not able to answer now",
        "the requests in progress hold as many bytes as they may together: send this one again, "
        "or in smaller parts",
        url,
    )
    return 503, [*headers, (b"retry-after", b"%d" % RETRY_AFTER_S)], body
