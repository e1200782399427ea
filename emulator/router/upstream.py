"""Connections of the router to a dyno's port."""

import asyncio
import time
from dataclasses import dataclass, field

from emulator.dynos.dyno import Dyno
from emulator.router.http1 import Inbound

CONNECT_S, IDLE_S, KEPT = 5, 90, 50


class Refused(Exception):
    """Nobody listens on the port."""


@dataclass(eq=False)
class Connection:
    """One, free or in use by one exchange."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inbound: Inbound = field(init=False)
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.inbound = Inbound(self.reader, request=False)

    @property
    def fresh(self) -> bool:
        """Whether it may be used again, as far as can be seen from here."""
        return (
            not self.reader.at_eof()
            and not self.writer.is_closing()
            and time.monotonic() - self.since < IDLE_S
        )

    def close(self) -> None:
        """For good."""
        self.writer.close()


async def connect(dyno: Dyno, seconds: float) -> Connection:
    """A kept connection or a new one; raises Refused, or TimeoutError after `seconds`."""
    while dyno.idle:
        kept: Connection = dyno.idle.pop()
        if kept.fresh:
            return kept
        kept.close()

    for host in ("127.0.0.1", "::1"):
        try:
            return Connection(
                *await asyncio.wait_for(asyncio.open_connection(host, dyno.port), seconds)
            )
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise

    raise Refused


def keep(dyno: Dyno, connection: Connection) -> None:
    """Give one back after a whole answer."""
    connection.since = time.monotonic()
    if dyno.routable and len(dyno.idle) < KEPT:
        dyno.idle.append(connection)
    else:
        connection.close()
