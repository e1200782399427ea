"""The output of a build or a release command, which can be read while it grows, from any byte."""

import secrets

from emulator.condition import Condition

LIMIT = 16 * 1024 * 1024


class Stream:
    """Keeps at most 16 MiB; `started` is false until there is something to read."""

    def __init__(self, started: bool = True) -> None:
        self.token = secrets.token_hex(16)
        self.data = bytearray()
        self.started, self.closed = started, False
        self.changed = Condition()

    def write(self, data: bytes) -> None:
        """Add output; it can be read at once."""
        self.started = True
        self.data += data[: LIMIT - len(self.data)]
        self.changed.notify()

    def line(self, text: str) -> None:
        """Add one line."""
        self.write(text.encode() + b"\n")

    def close(self) -> None:
        """End the output."""
        self.started = self.closed = True
        self.changed.notify()
