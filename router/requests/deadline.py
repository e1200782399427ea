"""X-Timeout-Ms: how long a caller waits for its answer."""

import re

from router.problems import Problem

_MILLISECONDS = re.compile(rb"[0-9]+(\.[0-9]*)?|\.[0-9]+")


def seconds_of(value: bytes) -> float | None:
    """The header's value in seconds; None unless it is a positive number."""
    if not _MILLISECONDS.fullmatch(value):
        return None

    return float(value) / 1000 or None


def no_time(value: bytes) -> Problem:
    """400 for a value that is no positive number."""
    shown = value[:40].decode("latin-1")
    return Problem(
        400,
        f"X-Timeout-Ms is {shown!r}: send a positive number of milliseconds, such as 250, or none",
    )
