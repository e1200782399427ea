"""X-Timeout-Ms: how long a caller waits for its answer."""

import re

from router.problems import Headers, Problem
from router.requests.unit_source import given_twice

NAME = b"x-timeout-ms"
_MILLISECONDS = re.compile(rb"[0-9]+(\.[0-9]*)?|\.[0-9]+")


def deadline_s(headers: Headers) -> float | None:
    """Seconds, None where the caller says nothing; raises Problem 400."""
    values = [value for name, value in headers if name == NAME]
    if len(values) > 1:
        raise given_twice(NAME)
    if not values:
        return None

    seconds = seconds_of(values[0])
    if seconds is None:
        raise no_time(values[0])

    return seconds


def seconds_of(value: bytes) -> float | None:
    """Seconds, None for what is no positive number; a number past all bounds is as good as none."""
    seconds = float(value) / 1000 if _MILLISECONDS.fullmatch(value) else 0.0
    return seconds or None


def no_time(value: bytes) -> Problem:
    shown = value[:40].decode("latin-1")
    return Problem(
        400,
        f"X-Timeout-Ms is {shown!r}: send a positive number of milliseconds, such as 250, or none",
    )
