"""What the generator is told to send, and what it tells: the messages between both processes."""

from typing import Any

import msgspec

from load.shapes import Phase

LOST, UNANSWERED = 0, -1
"""In place of a status: the connection was lost, or there was no answer in time."""
RETRY_AFTER, WAITED = 1, 2
"""Flags of a request: its answer had Retry-After; it waited for a connection to be free."""
NO_VERSION = -1


class Signer(msgspec.Struct):
    """Who signs the marks of a run: the run's name and the key."""

    run: str
    key: bytes


class Stream(msgspec.Struct):
    """Requests of one kind.

    bodies: a file with a request's body a line. headers: name to value. unit_header, units: each
    request bears one of so many units, none where 0. closed: each of so many users sends, waits for
    its answer, and thinks (seconds, on average). poisson: requests come by chance, not evenly."""

    name: str
    bodies: str
    phases: list[Phase]
    connections: int
    headers: dict[str, str] = {}
    unit_header: str = ""
    units: int = 0
    closed: bool = False
    think_s: float = 0.0
    poisson: bool = False


class Plan(msgspec.Struct):
    """What to send where. grace_s: how long the last answers are waited for. through: a `host:port`
    that answers for the address without TLS.
    """

    url: str
    streams: list[Stream]
    grace_s: float
    signer: Signer | None = None
    through: str = ""


COLUMN_TYPES: tuple[Any, ...] = ("d", "d", "d", "h", "b", "b")
"""Of a chunk's columns in their order, as array.array and numpy name them."""


class LoadChunk(msgspec.Struct):
    """Requests that ended lately, and how the generator is.

    columns: by stream, bytes of equally long arrays: intended start, sending and answer (seconds
    since the start, -1 where it never came), status, version (a place in `versions`), flags. at:
    seconds since the start. busy: the share of a processor used since the last chunk. dropped:
    requests that were due and could not be kept. oldest_s: for how long the oldest request waits
    for its answer. last: nothing comes after it.
    """

    columns: dict[str, list[bytes]]
    versions: list[str]
    at: float
    busy: float
    dropped: int = 0
    oldest_s: float = 0.0
    last: bool = False
