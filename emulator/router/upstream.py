"""The router's connections to a dyno's port."""

import asyncio
import time
from dataclasses import dataclass, field

from emulator.model.app import Dyno
from emulator.router.http1 import Inbound

CONNECT_S, IDLE_S, MOST_IDLE = 5, 90, 50


class ConnectionRefused(Exception):
    """No process listens on the port."""


@dataclass(eq=False)
class Connection:
    """One connection, idle or in use by one exchange."""

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
        """Close it for good."""
        self.writer.close()


async def connect(dyno: Dyno, seconds: float) -> Connection:
    """An idle connection or a new one; raises ConnectionRefused, TimeoutError after `seconds`."""
    while dyno.idle:
        connection: Connection = dyno.idle.pop()
        if connection.fresh:
            return connection
        connection.close()

    for host in ("127.0.0.1", "::1"):
        try:
            opening = asyncio.open_connection(host, dyno.port)
            reader, writer = await asyncio.wait_for(opening, seconds)
        except TimeoutError:
            raise
        except OSError:
            continue

        return Connection(reader, writer)

    raise ConnectionRefused


def keep(dyno: Dyno, connection: Connection) -> None:
    """Keep a connection for another request, after a whole answer."""
    connection.since = time.monotonic()
    if dyno.routable and len(dyno.idle) < MOST_IDLE:
        dyno.idle.append(connection)
    else:
        connection.close()
