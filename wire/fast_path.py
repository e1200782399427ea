"""One connection. A POST to a hot path is parsed by llhttp and answered by a plain callback,
without task or scope.

Whatever else comes (another path, no Content-Length, `Expect`, an upgrade, a head or body that is
too large, what llhttp does not accept) is handed to gunicorn's own protocol with all its bytes, and
so is the rest of the connection: nothing is refused here that gunicorn would answer, and nothing is
parsed here by hand. Requests of one connection are answered one after the other; a client that
sends more than it reads is not read from any more."""

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
# A body of at most this size that arrives whole is answered at once and not counted.
UNCOUNTED_BYTES = 16 * 1024
# Why a connection is not read from: too much waits for its turn to be parsed, or others are read
# from first.
WAITING, TURN = "waiting", "turn"
# An unread answer shrinks by a quarter in this time, or its connection is cut.
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


# Of these, the first three once and well-formed; with the others a request goes the long way.
_NOTED = frozenset(
    {b"content-length", b"host", b"content-type", b"transfer-encoding", b"expect", b"upgrade"}
)
_END = b"\r\n\r\n"


class _Enough(Exception):
    """Stops llhttp where a second request begins."""


class WorkerContext(Protocol):
    """What a door needs of its worker."""

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
        """Close the connections that waited longest for their clients: there are too many."""

    def refused(self, status: int) -> None:
        """An answer that the app has no part in was given: it counts."""

    def other_protocol(self) -> Any:
        """gunicorn's protocol for one connection."""


class HttpConnection(asyncio.Protocol):
    """See above.

    since: loop time since which it waits for its client, None while a request is being answered;
    begun: whether some of a request has arrived; cut: ends the connection, whatever is under way;
    refused: it was given up, and what its client still sends is thrown away."""

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
        self.cut, self._unsent = transport.abort, transport.get_write_buffer_size
        self.worker.nr_conns += 1
        self.worker.connections.add(self)
        if self.worker.nr_conns > self.worker.most_conns:
            self.worker.make_room()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client, or the server, closed it."""
        self._transport = None
        self.worker.nr_conns -= 1
        self.worker.connections.discard(self)
        # Door and parser hold each other: their bytes would stay until the garbage collector comes
        # by.
        self._body, self._raw, self._waiting = [], b"", b""
        if self._held:
            self._held = 0
            self.worker.budget.release(self)

    def eof_received(self) -> bool:
        """The client sends no more; whether its answers are still to be sent."""
        self._ended = True
        return self._transport is not None and (self.since is None or bool(self._waiting))

    def data_received(self, data: bytes) -> None:
        """Bytes of this request, or of one that has to wait for its turn."""
        if self.refused:
            self._take_turn(data)
        elif self.since is None or self._clogged or self._waiting:
            self._wait(data)
        else:
            self._feed(data)

    def pause_writing(self) -> None:
        """The client does not read its answers: begin no further request."""
        self._clogged = True
        if self._transport is not None:
            self._unread = (self.loop.time(), self._unsent())
            self._count()

    def resume_writing(self) -> None:
        """It reads again."""
        self._clogged = False
        self._unread = (0.0, 0)
        if self._held:
            self._count()
        self._next()

    def close_if_idle(self) -> None:
        """Close unless a request is under way."""
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
        """Give way to others: a request that did not arrive yet is refused, an unread answer is cut
        off.
        """
        if self._transport is None or self._clogged or not self.begun:
            self.cut()
            self._held = 0
            self.worker.budget.release(self)
        else:
            self.give_up(*_too_much())

    def close_slow_reader(self, now: float) -> None:
        """Cut the connection where hardly anything of its answer was read for SLOWEST_READER_S."""
        began, size = self._unread
        if not self._clogged or now - began < SLOWEST_READER_S:
            return

        left = self._unsent()
        if left > size - size // 4:
            self.cut()
        else:
            self._unread = (now, left)

    def give_up(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer a request that did not arrive in time, and close once its client knows: it may
        still be sending.
        """
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
        """llhttp: the request is whole."""
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _wait(self, data: bytes) -> None:
        """Keep what has to wait for its turn, and stop reading if that is much."""
        if self._transport is None:
            return

        self._waiting += data
        room = self._count() if len(self._waiting) > UNCOUNTED_BYTES else True
        if len(self._waiting) > MOST_WAITING or not room:
            self._pauses.add(WAITING)

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
                self._keep_what_follows(
                    data[len(self._body[-1]) :] if decided else self._raw[self._end() :]
                )
            if self._size > UNCOUNTED_BYTES and not self._count():
                self._refuse()
            else:
                self._answer()
        elif self._handler is not None:
            # Whatever follows is of the body: its first piece is not needed twice.
            self._raw = b""
            if not self._count():
                self._refuse()
            self._take_turn(data)

    def _take_turn(self, data: bytes) -> None:
        """After a large piece of a body, read on when others have been read from."""
        if len(data) >= PIECE_BYTES and TURN not in self._pauses and self._transport is not None:
            self._pauses.add(TURN)
            self.worker.turns.take(partial(self._pauses.remove, TURN))

    def _count(self) -> bool:
        """Tell the budget what is held; False where that is more than there is room for."""
        held = self._size + len(self._waiting) + self._unread[1]
        if held == self._held:
            return True
        self._held = held
        return self.worker.budget.change(self, held)

    def _release(self) -> None:
        """Tell the budget that the request is gone, where it counted."""
        if self._held:
            self._count()

    def _refuse(self) -> None:
        """There is no room for this request, though others gave way."""
        if not self.refused:
            self.give_up(*_too_much())

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
        self._body = []
        self.since = None
        try:
            self._handler(self._headers, body, self._respond)
        except Exception:
            log.exception("a request could not be answered")
            if self._transport is not None and self.since is None:
                self._keep = False
                self.worker.refused(500)
                self._respond(
                    500, *problem(500, "the server failed", "the server's log has the cause")
                )

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
        """Close, and neither read nor answer any more."""
        transport, self._transport, self.since = self._transport, None, None
        # It stays open until its client has read the answer.
        self._clogged, self._unread = True, (self.loop.time(), self._unsent())
        transport.close()

    def _next(self) -> None:
        """Go on with what the client sent meanwhile."""
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
                # What it sent is no whole request, and no more will come.
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


def _too_much() -> tuple[int, Headers, bytes]:
    headers, body = problem(
        503,
        "not able to answer now",
        "the requests under way hold as many bytes as they may together: send this one again, or "
        "in smaller parts",
    )
    return 503, [*headers, (b"retry-after", b"%d" % RETRY_AFTER_S)], body
