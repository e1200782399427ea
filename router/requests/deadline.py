"""X-Timeout-Ms: how long a caller waits for its answer."""

import re

from router.problems import Problem

_MILLISECONDS = re.compile(rb"[0-9]+(\.[0-9]*)?|\.[0-9]+")


def seconds_of(value: bytes) -> float | None:
    """Seconds, None for what is no positive number; a number past all bounds is as good as none."""
    seconds = float(value) / 1000 if _MILLISECONDS.fullmatch(value) else 0.0
    return seconds or None


def no_time(value: bytes) -> Problem:
    """What is said of a value that is none."""
    shown = value[:40].decode("latin-1")
    return Problem(
        400,
        f"X-Timeout-Ms is {shown!r}: send a positive number of milliseconds, such as 250, or none",
    )
