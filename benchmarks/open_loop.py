"""`python -m benchmarks.open_loop`: the open-loop load, in a process of its own; see
benchmarks/arrivals.py.

It reads a Plan as JSON, sends, and writes what came of each request as MessagePack. A request is
due at its intended start whatever became of those before it; where every connection is busy it
waits here, and that time counts as well. No task is made per request, and the only timer is the one
that tells what is due."""

import asyncio
import gc
import sys
import time
from array import array
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

TICK_S = 0.001
OPENED_AT_ONCE = 100
CONNECT_S = 20.0
LOST, UNANSWERED = 0, -1


class Phase(msgspec.Struct):
    """So many requests a second for some seconds; a rate of 0 is a closed loop: every connection is
    always busy.
    """

    rate: float
    seconds: float


class Stream(msgspec.Struct):
    """Requests of one kind. bodies: a file with a request's body a line; headers: name to value."""

    name: str
    bodies: str
    phases: list[Phase]
    connections: int
    headers: dict[str, str] = {}


class Plan(msgspec.Struct):
    """What to send where. grace_s: how long the last answers are waited for."""

    url: str
    streams: list[Stream]
    grace_s: float


class Columns(msgspec.Struct):
    """One stream's requests, a place each: seconds since the start as doubles, statuses as shorts.

    A status of 0 is a lost connection, -1 none at all; retry is 1 where the answer had Retry-After.
    """

    intended: bytes
    sent: bytes
    answered: bytes
    status: bytes
    retry: bytes


class Connection(asyncio.Protocol):
    """One kept connection with one request under way, whose place `request` is (None: idle)."""

    def __init__(self, sender: "Sender") -> None:
        self.sender = sender
        self.request: int | None = None
        self.retry = 0
        self.last = False
        self._parser = httptools.HttpResponseParser(self)
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.sender.lost(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 11 and name.lower() == b"retry-after":
            self.retry = 1
        elif value == b"close" and name.lower() == b"connection":
            self.last = True

    def on_message_complete(self) -> None:
        self.sender.answered(self, self._parser.get_status_code(), self.retry)


class Sender:
    """One stream's requests and connections."""

    def __init__(self, plan: Plan, stream: Stream) -> None:
        parts = urlsplit(plan.url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.stream = stream
        self.requests = _requests(parts.path, parts.netloc, stream)
        self.idle: list[Connection] = []
        self.backlog: deque[int] = deque()
        self.open = 0
        self.start = 0.0
        self.closed_until = 0.0
        self.under_way = 0
        self.columns = [array("d"), array("d"), array("d"), array("h"), array("b")]

    async def connect(self) -> None:
        """Open every connection before the start."""
        for begun in range(0, self.stream.connections, OPENED_AT_ONCE):
            count = min(OPENED_AT_ONCE, self.stream.connections - begun)
            await asyncio.gather(*(self._open() for _ in range(count)))

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            _, connection = await loop.create_connection(
                lambda: Connection(self), self.host, self.port
            )

        self.open += 1
        self._free(connection)

    async def run(self, start: float) -> None:
        """Send every phase, beginning at the loop's time `start`."""
        self.start = begin = start
        for phase in self.stream.phases:
            end = begin + phase.seconds
            await (
                self._open_loop(phase.rate, begin, end) if phase.rate else self._closed_loop(end)
            )
            begin = end

    async def _open_loop(self, rate: float, begin: float, end: float) -> None:
        count, due, clock = int(rate * (end - begin)), 0, time.monotonic
        while due < count:
            until = min(count, int((clock() - begin) * rate) + 1)
            for number in range(due, until):
                self.begin(begin + number / rate)
            due = max(due, until)
            await asyncio.sleep(TICK_S)

    async def _closed_loop(self, end: float) -> None:
        self.closed_until = end
        for _ in range(len(self.idle)):
            self.begin(time.monotonic())
        await asyncio.sleep(end - time.monotonic())

    def begin(self, intended: float) -> None:
        """A request is due."""
        request = len(self.columns[0])
        for column, value in zip(
            self.columns, (intended - self.start, -1.0, -1.0, UNANSWERED, 0), strict=True
        ):
            column.append(value)

        self.under_way += 1
        if self.idle:
            self._send(self.idle.pop(), request)
        else:
            self.backlog.append(request)

    def answered(self, connection: Connection, status: int, retry: int) -> None:
        """An answer is whole."""
        request, connection.request, connection.retry = connection.request, None, 0
        if request is None:
            connection.transport.abort()
            return

        self._note(request, status, retry)
        if connection.last:
            # The server goes on to close it: a request sent over it now would be lost.
            connection.transport.close()
        else:
            self._free(connection)

    def lost(self, connection: Connection) -> None:
        """A connection was closed: its request is lost, and another connection takes its place."""
        self.open -= 1
        if connection.request is None:
            if connection in self.idle:
                self.idle.remove(connection)
        else:
            self._note(connection.request, LOST, 0)

        self._reopening = asyncio.get_running_loop().create_task(self._open())

    def outcome(self) -> Columns:
        """What came of it so far."""
        return Columns(*(column.tobytes() for column in self.columns))

    def _note(self, request: int, status: int, retry: int) -> None:
        _, _, answered, statuses, retries = self.columns
        now = time.monotonic()
        answered[request], statuses[request], retries[request] = now - self.start, status, retry
        self.under_way -= 1
        if now < self.closed_until:
            self.begin(now)

    def _free(self, connection: Connection) -> None:
        if self.backlog:
            self._send(connection, self.backlog.popleft())
        else:
            self.idle.append(connection)

    def _send(self, connection: Connection, request: int) -> None:
        connection.request = request
        self.columns[1][request] = time.monotonic() - self.start
        connection.transport.write(self.requests[request % len(self.requests)])


def _requests(path: str, host: str, stream: Stream) -> list[bytes]:
    named = {"Host": host, "Content-Type": "application/json", **stream.headers}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in named.items()
    )
    bodies = Path(stream.bodies).read_bytes().splitlines()
    return [b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body), body) for body in bodies]


async def _all(plan: Plan) -> dict[str, Columns]:
    senders = {stream.name: Sender(plan, stream) for stream in plan.streams}
    for sender in senders.values():
        await sender.connect()

    gc.collect()
    gc.freeze()
    gc.disable()
    start = time.monotonic() + 0.05
    await asyncio.gather(*(sender.run(start) for sender in senders.values()))
    end = time.monotonic() + plan.grace_s
    while any(sender.under_way for sender in senders.values()) and time.monotonic() < end:
        await asyncio.sleep(0.01)

    return {name: sender.outcome() for name, sender in senders.items()}


def main() -> None:
    """Send one plan."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.msgpack.encode(uvloop.run(_all(plan))))


if __name__ == "__main__":
    main()
