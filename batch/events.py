"""What a process of this room reports: events on its standard output, one JSON a line."""

import sys

import msgspec

FAILED, INTERRUPTED = 1, 130


class RunRefused(msgspec.Struct, frozen=True, tag_field="event", tag="refused"):
    """What was asked cannot begin or go on."""

    detail: str


def report(event: msgspec.Struct) -> None:
    """Write an event."""
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()
