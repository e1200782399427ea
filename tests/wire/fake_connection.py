"""A connection without a network: its transport records what is sent, its worker answers."""

import asyncio
from functools import partial
from typing import Any

import httptools

from tests.wire.messages import LARGEST_BODY, PATH
from wire.budget import ByteBudget
from wire.fast_path import Headers, HttpConnection, Respond
from wire.read_turns import ReadTurns


class FakeTransport:
    """Records its calls, and fails on those that a real transport would refuse."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = self.aborted = False
        self.reading = True
        self.ended = False
        self.unsent = 0
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        assert not self.closed, data
        self.sent.append(data)

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


class FakeSlowPath:
    """The protocol that gets a connection from the fast path; it counts it as gunicorn's does."""

    def __init__(self, worker: "FakeWorker") -> None:
        self.worker, self.raw, self.transport = worker, b"", None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.worker.nr_conns += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.nr_conns -= 1

    def data_received(self, data: bytes) -> None:
        self.raw += data

    def eof_received(self) -> bool:
        return False


class HotRequest:
    """One request as the handler got it."""

    def __init__(self, headers: Headers, body: bytes, respond: Respond) -> None:
        self.headers, self.body, self.respond = headers, body, respond
        self.answered = False

    def answer(
        self, status: int = 200, headers: Headers | None = None, body: bytes | None = None
    ) -> None:
        """Answer it, with its own body unless told otherwise."""
        self.answered = True
        self.respond(status, headers or [], self.body if body is None else body)


class FakeWorker:
    """A worker as a connection sees it. at_once: whether a request is answered before the handler
    returns.
    """

    largest_body = LARGEST_BODY
    date = b"date: today\r\n"

    def __init__(
        self, at_once: bool = True, other: Any = FakeSlowPath, most_bytes: int = 1 << 20
    ) -> None:
        self.hot: Any = {PATH: self._answer}
        self.connections: set[HttpConnection] = set()
        self.nr_conns = 0
        self.draining = False
        self.most_conns = 100
        self.budget = ByteBudget(most_bytes)
        self.turns: Any = None
        self.statuses: list[int] = []
        self.asked: list[HotRequest] = []
        self.at_once = at_once
        self.other_protocol = partial(other, self)

    def refused(self, status: int) -> None:
        self.statuses.append(status)

    def make_room(self) -> None:
        min(
            (connection for connection in self.connections if connection.since is not None),
            key=lambda connection: connection.since,
        ).abort()

    def _answer(self, headers: Headers, body: bytes, respond: Respond) -> None:
        self.asked.append(HotRequest(headers, body, respond))
        if self.at_once:
            self.asked[-1].answer()


class FakeConnection:
    """A client's connection to a worker."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, worker: FakeWorker | None = None, **options: Any
    ) -> None:
        self.loop, self.worker = loop, worker or FakeWorker(**options)
        self.worker.turns = self.worker.turns or ReadTurns(loop)
        self.transport = FakeTransport()
        self.connection = HttpConnection(self.worker, loop)
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)

    def send(self, *pieces: bytes) -> "FakeConnection":
        """The client's bytes arrive, a piece at a time, with no turn of the loop between them."""
        for piece in pieces:
            self.transport.protocol.data_received(piece)
        return self

    def settle(self) -> "FakeConnection":
        """Let the loop turn until nothing happens any more."""
        self.loop.run_until_complete(self._settle())
        return self

    def answer(self) -> "FakeConnection":
        """Answer the request that waits for its answer."""
        next(asked for asked in self.worker.asked if not asked.answered).answer()
        return self

    def finish(self) -> "FakeConnection":
        """Answer one request after the other, until there is none."""
        self.settle()
        while not all(asked.answered for asked in self.worker.asked):
            self.answer().settle()
        return self

    def leave(self) -> None:
        """The client disconnects."""
        self.transport.closed = True
        self.transport.protocol.connection_lost(None)

    @property
    def other(self) -> Any:
        """To whom the connection was handed over, or None."""
        return None if self.transport.protocol is self.connection else self.transport.protocol

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of the requests that the handler got."""
        return [asked.body for asked in self.worker.asked]

    @property
    def answers(self) -> "Answers":
        """What was sent, as a client would read it."""
        read = Answers()
        read.feed(b"".join(self.transport.sent))
        return read

    async def _settle(self) -> None:
        progress = None
        while progress != (
            progress := (len(self.transport.sent), len(self.worker.asked), self.transport.closed)
        ):
            for _ in range(3):
                await asyncio.sleep(0)


class Answers:
    """Answers as a client reads them."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[bytes, bytes]] = []
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.feed = self._parser.feed_data

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self.headers.append({})
        self.bodies.append(b"")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[-1][name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.bodies[-1] += body

    def on_message_complete(self) -> None:
        self.statuses.append(self._parser.get_status_code())
