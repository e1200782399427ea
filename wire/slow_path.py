"""The slow path: gunicorn's own protocol, with the limits of the fast path and problem JSON.

A request needs a Host (RFC 9112), may be of absolute form, and is answered also to a client that
closed its sending side. Once a connection waits for its next request and that is a POST, it is the
fast path's again: clients ask for pages on the connections of their predictions."""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.http.errors import ParseException

from wire.fast_path import SLOWEST_READER_S, TURN, HttpConnection
from wire.problems import problem
from wire.read_turns import PIECE_BYTES, ReadingPauses

MOST_HEAD = 64 * 1024
LONGEST_DETAIL = 300
LONGEST_CAUSE = 200
# gunicorn's messages name the cause alone.
_NEXT_STEP = {
    400: "send a request as RFC 9112 has it, best with an HTTP library",
    414: "send a shorter address",
    431: "send fewer or shorter headers",
    501: "send the body chunked, or with its Content-Length",
}
SLICE_BYTES = 4 * 1024
"""Bytes parsed at once: the time of the parser grows with the square of its input."""
# With what a request begins that the fast path may take.
MAYBE_HOT = b"POST "
# Why a connection is not read from: the app has not read what came. Another reason is TURN.
FULL = "full"


class HostMissing(ParseException):  # type: ignore[misc]
    """An HTTP/1.1 request has no Host header."""

    def __str__(self) -> str:
        """What to send."""
        return "the request has no Host header, which HTTP/1.1 requires: send one"


class CodingUnknown(ParseException):  # type: ignore[misc]
    """A body has another transfer coding, which a proxy might read otherwise."""

    def __str__(self) -> str:
        """What to send."""
        return "only `Transfer-Encoding: chunked` is supported: compress a body by Content-Encoding"


_OWN_MESSAGES = frozenset({str(HostMissing()), str(CodingUnknown())})


class SlowPathProtocol(ASGIProtocol):  # type: ignore[misc]
    """One connection on the slow path. Belongs to one worker (wire/worker.py)."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        now = worker.loop.time()
        # Loop time since which it waits for its client, and since which a head has been incomplete.
        self._last = now
        self._head_since: float | None = None
        self._head_bytes = 0
        self._ended = False
        self._unread = (now, 0)
        # What has arrived and is not parsed yet, and the pieces of a slice's body.
        self._unparsed = memoryview(b"")
        self._pieces: list[bytes] = []

    @property
    def since(self) -> float | None:
        """Loop time since which it waits for its client, None while a request is being answered."""
        receiver = self._body_receiver
        if self._awaiting_request or (receiver is not None and not receiver._complete):
            return float(self._last)
        return None

    @property
    def unfinished(self) -> bool:
        """See wire/budget.py."""
        return self._clogged or self.since is not None

    @property
    def begun(self) -> bool:
        """Whether some of a request has arrived."""
        return self._head_since is not None or self._body_receiver is not None

    @property
    def _clogged(self) -> bool:
        return self._flow_control is not None and self._flow_control.write_paused

    def abort(self) -> None:
        """Close the connection at once, even during a request."""
        self.transport.abort()

    def evict(self) -> None:
        """See wire/budget.py. Only unread answers are counted by connection."""
        self.worker.budget.release(self)
        self.abort()

    def close_if_idle(self) -> None:
        """Close unless a request is in progress."""
        if self._awaiting_request:
            self._keepalive_timeout()

    def connection_made(self, transport: Any) -> None:
        """A client connected, or the fast path handed its connection over."""
        self._pauses = ReadingPauses(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self.worker.budget.release(self)
        self._unparsed = memoryview(b"")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of this request, or of later ones."""
        if data.startswith(MAYBE_HOT) and self._is_between_requests():
            self._give_back(data)
            return

        # Not with each piece of a head: the order of waiting is that of the first pieces.
        if self._head_since is None:
            self._last = self.worker.loop.time()

        if self._unparsed:
            self._unparsed = memoryview(bytes(self._unparsed) + data)
        else:
            super().data_received(data)

    def _is_between_requests(self) -> bool:
        """Whether all that was sent is answered, and the answers were taken."""
        return bool(
            self._awaiting_request
            and self.req_count > 1
            and self._head_since is None
            and not (self._unparsed or self._finishing_calls or self._pauses or self._ended)
            and not self._closed
            and not self.transport.get_write_buffer_size()
        )

    def _give_back(self, data: bytes) -> None:
        """Let the fast path have the connection, from these bytes on."""
        transport = self.transport
        # It ends by itself now: gunicorn would keep it, and this connection, to cancel it later.
        self._task = None
        self.connection_lost(None)
        self._request_ready.set()
        self.worker.others.discard(self)
        fast = HttpConnection(self.worker, self.worker.loop)
        transport.set_protocol(fast)
        fast.connection_made(transport)
        fast.data_received(data)

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Parse the first slice now, the others and later bytes in turn."""
        behind = bytes(self._unparsed)
        self._unparsed = memoryview(data + behind if behind else data)
        goes_on = self._parse_slice()
        if self._unparsed and TURN not in self._pauses:
            self._pauses.add(TURN)
            self.worker.turns.take(self._take_turn)

        return goes_on

    def _parse_slice(self) -> bool:
        """Parse the next slice. Returns whether the connection stays open."""
        request = self._current_request
        # Parsing a body without chunks takes linear time.
        size = SLICE_BYTES if request is None or request.chunked else PIECE_BYTES
        piece = bytes(self._unparsed[:size])
        self._unparsed = self._unparsed[size:]
        goes_on = super()._feed_callback_parser(piece) and self._head_has_room(len(piece))
        self._give_pieces()
        if not goes_on:
            self._unparsed = memoryview(b"")

        return goes_on

    def _take_turn(self) -> None:
        """Parse the next slice, and read on after the last."""
        if self._unparsed and self._parse_slice() and self._is_buffer_full():
            self._pause_reading()

        if self._unparsed:
            self.worker.turns.take(self._take_turn)
        elif self._ended and not self._is_whole():
            self._close_transport()
        else:
            self._pauses.remove(TURN)

    def _head_has_room(self, size: int) -> bool:
        """Count the bytes of an incomplete head. If it is too long, answer 431 and return False."""
        if self._current_request is not None:
            self._head_since, self._head_bytes = None, 0
            return True

        self._head_since = self._head_since or self._last
        self._head_bytes += size
        if self._head_bytes <= MOST_HEAD or self._closed:
            return True

        self._refuse(
            431, f"the head is larger than {MOST_HEAD} bytes: send fewer or shorter headers"
        )
        self._close_transport()
        return False

    def _on_body(self, chunk: bytes) -> None:
        self._pieces.append(chunk)

    def _on_message_complete(self) -> None:
        self._give_pieces()
        super()._on_message_complete()

    def _give_pieces(self) -> None:
        """Pass the body of a slice to the app in one piece, however many chunks it had."""
        if self._pieces:
            whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            super()._on_body(whole)

    def _pause_reading(self) -> None:
        self._reading_paused = True
        self._pauses.add(FULL)

    def _resume_reading(self) -> None:
        self._reading_paused = False
        self._pauses.remove(FULL)

    def eof_received(self) -> bool:
        """The client sends no more. Returns whether an answer is still to be sent."""
        self._ended = True
        return not self._closed and (bool(self._unparsed) or self._is_whole())

    def _is_whole(self) -> bool:
        """Whether a request has arrived completely."""
        receiver = self._body_receiver
        return receiver is not None and receiver._complete

    def pause_writing(self) -> None:
        """The client does not read its answer."""
        super().pause_writing()
        size = self.transport.get_write_buffer_size()
        self._unread = (self.worker.loop.time(), size)
        self.worker.budget.change(self, size)

    def resume_writing(self) -> None:
        """The client reads again."""
        self.worker.budget.release(self)
        super().resume_writing()

    def check(self, now: float, slowest_s: float) -> None:
        """End a connection that is too slow or has been left.

        now: loop time. slowest_s: seconds in which a head has to arrive."""
        if self._awaiting_request:
            if self._ended and not self._unparsed:
                self._keepalive_timeout()
            elif self._head_since is not None and now - self._head_since > slowest_s:
                self._refuse(408, "the request did not arrive in time: send it in one go")
                self._keepalive_timeout()

        began, size = self._unread
        if (self._clogged or self._closed) and now - began > SLOWEST_READER_S:
            left = self.transport.get_write_buffer_size()
            if left > size - size // 4:
                self.abort()
            else:
                self._unread = (now, left)

    def _close_transport(self) -> None:
        if not self._closed and self.transport is not None:
            # The transport stays open until the client has read the answer.
            self._unread = (self.worker.loop.time(), self.transport.get_write_buffer_size())
        super()._close_transport()

    def _on_headers_complete(self) -> Any:
        parser = self._callback_parser
        codings = b",".join(
            value for name, value in parser.headers if name.lower() == b"transfer-encoding"
        )
        if codings and codings.strip().lower() != b"chunked":
            raise CodingUnknown

        if parser.http_version >= (1, 1) and not any(
            name.lower() == b"host" for name, _ in parser.headers
        ):
            raise HostMissing

        return super()._on_headers_complete()

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        parser = self._callback_parser
        nothing_follows = not self._unparsed and (parser is None or not parser.remaining())
        return (self._ended and nothing_follows) or super()._will_close(
            request, response_requires_close
        )

    def _is_websocket_upgrade(self, request: Any) -> bool:  # noqa: ARG002
        """False: the offer to upgrade is ignored, and the request is answered as it is."""
        return False

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        kind, slashes, rest = scope["raw_path"].partition(b"://")
        if slashes and kind.lower() in (b"http", b"https"):
            authority, _, rest = rest.partition(b"/")
            path = b"/" + rest
            # The target takes precedence over Host (RFC 9112, 3.2.2).
            others = [header for header in scope["headers"] if header[0] != b"host"]
            scope["headers"] = [(b"host", authority), *others]
            scope["raw_path"], scope["path"] = (
                path,
                unquote_to_bytes(path).decode("utf-8", "replace"),
            )

        return scope

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        step = _NEXT_STEP.get(status)
        if step and message not in _OWN_MESSAGES:
            message = f"{message[:LONGEST_CAUSE]}: {step}"

        self._refuse(status, message, extra_headers)

    def _refuse(self, status: int, message: str, extra_headers: Any = ()) -> None:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and (
            self.transport is None or self.transport.is_closing()
        ):
            # The client disconnected before its request was complete: nobody waits for an answer.
            return

        phrase = HTTPStatus(status).phrase
        headers, body = problem(status, phrase.lower(), message[:LONGEST_DETAIL])
        lines = [b"HTTP/1.1 %d %b" % (status, phrase.encode())]
        lines += [b"%b: %b" % header for header in headers]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in extra_headers]
        lines += [b"content-length: %d" % len(body), b"connection: close", b"", body]
        self._safe_write(b"\r\n".join(lines))
        self.worker.refused(status)


# It stores the result on the class it is called on, but reads it from its own.
ASGIProtocol._check_h1c_protocol_available()
