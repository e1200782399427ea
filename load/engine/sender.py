"""Sends one stream's requests: each at its intended start, whatever became of those before it.

Where every connection is busy, a request waits here, and that time counts as well."""

import heapq
from array import array
from collections import deque
from itertools import islice
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Protocol
from urllib.parse import urlsplit

from load.arrivals import arrivals
from load.engine.connection import LoadConnection
from load.engine.http_answer import Head
from load.engine.plan import (
    COLUMN_TYPES,
    LOST,
    NO_VERSION,
    RETRY_AFTER,
    UNANSWERED,
    WAITED,
    Plan,
    Stream,
)
from load.shapes import level_at

MOST_WAITING = 500_000
"""Requests that wait for a connection; further ones are dropped, and the run is no measurement."""
DUE_AT_ONCE = 64
"""After so many the answers are looked at again."""
NEVER = float("inf")
ASKS_AGAIN_S = 0.05
"""How often a user looks whether it takes part."""
MOST_VERSIONS = 100


class Loop(Protocol):
    """What a sender needs of the loop that it runs in."""

    def now(self) -> float:
        """Seconds since the start."""

    def open_later(self, sender: "Sender") -> None:
        """Open a further connection for it."""

    def close(self, connection: LoadConnection) -> None:
        """Close one."""

    def watch(self, connection: LoadConnection) -> None:
        """Wait for room to send, as long as a part of a request is not sent."""


class Sender:
    """One stream. versions: the places of those that answered, for all streams."""

    def __init__(self, plan: Plan, stream: Stream, versions: dict[bytes, int], loop: Loop) -> None:
        self.stream, self.now, self._loop = stream, loop.now, loop
        self._versions = versions
        self.ends = sum(map(attrgetter("seconds"), stream.phases))
        self._chance = Random(stream.name)  # noqa: S311
        self._arrivals = arrivals(stream.phases, self._chance if stream.poisson else None)
        self.next_due = NEVER
        self._users: list[tuple[float, int]] = []
        self.idle: list[LoadConnection] = []
        self.waiting: deque[float] = deque()
        self.under_way: set[LoadConnection] = set()
        self.sent = self.dropped = 0
        self.columns = _columns()
        self._bodies, self._units, self._head = _bodies(stream), _units(stream), b""
        self._request_line = _request_line(plan.url, stream)

    def mark(self, mark: bytes) -> None:
        """Put a load test's mark into all further requests, none where empty."""
        self._head = self._request_line + mark

    def begin(self) -> None:
        """Find out when the first request is due."""
        if not self.stream.closed:
            self.next_due = next(self._arrivals, NEVER)
            return

        most = max(map(attrgetter("most"), self.stream.phases))
        for user in range(round(most)):
            heapq.heappush(self._users, (self._chance.random() * self.stream.think_s, user))

        self.next_due = self._users[0][0] if self._users else NEVER

    def send_due(self) -> None:
        """Send what is due, up to some number."""
        if self.stream.closed:
            self._send_users()
            return

        now = self.now()
        for _ in range(DUE_AT_ONCE):
            if self.next_due > now:
                return

            if self.idle:
                self._send(self.idle.pop(), self.next_due, 0)
            elif len(self.waiting) < MOST_WAITING:
                self.waiting.append(self.next_due)
            else:
                self.dropped += 1

            self.next_due = next(self._arrivals, NEVER)

    def add(self, connection: LoadConnection) -> None:
        """Use a connection that is free."""
        if self.waiting:
            self._send(connection, self.waiting.popleft(), WAITED)
        else:
            self.idle.append(connection)

    def answered(self, connection: LoadConnection, head: Head) -> None:
        """An answer is whole."""
        version = self._versions.get(head.version, NO_VERSION)
        if version == NO_VERSION and head.version and len(self._versions) < MOST_VERSIONS:
            version = self._versions[head.version] = len(self._versions)

        self._note(connection, head.status, version, RETRY_AFTER if head.retry else 0)
        if head.closes:
            # The server goes on to close it: a request sent over it now would be lost.
            self._replace(connection)
        else:
            self.add(connection)

    def lost(self, connection: LoadConnection) -> None:
        """A connection was closed: its request is lost, and another connection takes its place."""
        if connection.intended is not None:
            self._note(connection, LOST, NO_VERSION, 0)
        elif connection in self.idle:
            self.idle.remove(connection)

        self._replace(connection)

    def give_up(self) -> None:
        """Note what was not answered, or not even sent."""
        for connection in list(self.under_way):
            self._note(connection, UNANSWERED, NO_VERSION, 0)

        for intended in self.waiting:
            self._append(intended, -1.0, -1.0, UNANSWERED, NO_VERSION, WAITED)

        self.waiting.clear()

    def take(self) -> list[bytes]:
        """The requests that have ended since the last call, as columns."""
        taken, self.columns = self.columns, _columns()
        return list(map(array.tobytes, taken))

    @property
    def is_over(self) -> bool:
        """Whether everything was sent and answered."""
        return self.next_due == NEVER and not self.under_way and not self.waiting

    @property
    def oldest(self) -> float:
        """When the oldest request without an answer fell due; infinity where there is none."""
        due = [one.intended for one in self.under_way if one.intended is not None]
        return min(*due, *islice(self.waiting, 1), NEVER, NEVER)

    def stop(self) -> None:
        """Let nothing more fall due."""
        self.next_due, self._users = NEVER, []
        self._arrivals = iter(())
        self.waiting.clear()

    def _send_users(self) -> None:
        now = self.now()
        for _ in range(DUE_AT_ONCE):
            if not self._users or self._users[0][0] > now or not self.idle:
                break

            due, user = heapq.heappop(self._users)
            if due >= self.ends:
                continue
            if user >= level_at(self.stream.phases, due):
                heapq.heappush(self._users, (now + ASKS_AGAIN_S, user))
                continue

            connection = self.idle.pop()
            connection.user = user
            # Who does not think is due when it can be sent.
            self._send(connection, due if self.stream.think_s else None, 0)

        self._next_user()

    def _next_user(self) -> None:
        if self.now() >= self.ends:
            self._users = []

        self.next_due = self._users[0][0] if self._users and self.idle else NEVER
        if self.next_due == NEVER and self._users and not self.under_way:
            self.next_due = self.now() + ASKS_AGAIN_S

    def _send(self, connection: LoadConnection, intended: float | None, flags: int) -> None:
        number = self.sent
        self.sent += 1
        unit = connection.user if self.stream.closed else number
        units, bodies = self._units, self._bodies
        request = b"%b%b%b" % (
            self._head,
            units[unit % len(units)],
            bodies[number % len(bodies)],
        )
        connection.flags = flags
        self.under_way.add(connection)
        connection.sent = now = self.now()
        connection.intended = now if intended is None else intended
        if not connection.send(request):
            self.lost(connection)
        elif connection.unsent:
            self._loop.watch(connection)

    def _note(self, connection: LoadConnection, status: int, version: int, flags: int) -> None:
        intended = connection.intended or 0.0
        answered = -1.0 if status in (LOST, UNANSWERED) else connection.arrived
        flags |= connection.flags
        self._append(intended, connection.sent, answered, status, version, flags)
        connection.intended = None
        self.under_way.discard(connection)
        if self.stream.closed and status != UNANSWERED:
            self._think(connection.user)

    def _think(self, user: int) -> None:
        think_s, now = self.stream.think_s, self.now()
        due = now + self._chance.expovariate(1 / think_s) if think_s else now
        if due < self.ends:
            heapq.heappush(self._users, (due, user))
            self.next_due = self._users[0][0]

    def _append(self, *values: float) -> None:
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def _replace(self, connection: LoadConnection) -> None:
        self._loop.close(connection)
        self._loop.open_later(self)


def _columns() -> list["array[float]"]:
    return list(map(array, COLUMN_TYPES))


def _request_line(url: str, stream: Stream) -> bytes:
    parts = urlsplit(url)
    named = {"Host": parts.netloc, "Content-Type": "application/json", **stream.headers}
    text = f"POST {parts.path or '/'} HTTP/1.1\r\n"
    for name, value in named.items():
        text += f"{name}: {value}\r\n"

    return text.encode("latin-1")


def _units(stream: Stream) -> list[bytes]:
    """The header with each unit, one empty text without units."""
    if not stream.units:
        return [b""]

    name = stream.unit_header
    return [f"{name}: load-{number}\r\n".encode() for number in range(stream.units)]


def _bodies(stream: Stream) -> list[bytes]:
    lines = Path(stream.bodies).read_bytes().splitlines()
    return [b"Content-Length: %d\r\n\r\n%b" % (len(line), line) for line in lines]
