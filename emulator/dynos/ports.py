"""Free loopback ports below the kernel's own range, so that no outgoing connection can take one
first.
"""

import random
import socket
from contextlib import suppress
from pathlib import Path

LOWEST, HIGHEST = 18_000, 32_000
TRIES = 1000
LISTEN = "0A"


class Ports:
    """Free ports; each is used by one dyno at a time."""

    def __init__(self) -> None:
        self._in_use: set[int] = set()

    def acquire(self) -> int:
        """A port on which no process listens; raises OSError when there is none."""
        for _ in range(TRIES):
            port = random.randint(LOWEST, HIGHEST)  # noqa: S311
            if port not in self._in_use and _free(port):
                self._in_use.add(port)
                return port

        raise OSError("no free port")

    def release(self, port: int) -> None:
        """Let another dyno have the port."""
        self._in_use.discard(port)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listening(port: int) -> bool:
    """Whether a process listens on the port, on IPv4 or IPv6. The kernel is asked, so that the app
    sees no connection.
    """
    return any(_listening(port, table) for table in ("tcp", "tcp6"))


def _listening(port: int, table: str) -> bool:
    address_end = f":{port:04X}"
    with suppress(OSError):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            row = line.split()
            if row[1].endswith(address_end) and row[3] == LISTEN:
                return True

    return False
