"""Waiting for a condition, which is what tests do instead of sleeping."""

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], what: str, deadline_s: float = 30.0) -> Any:
    """Return what the condition gives once it is true; fail with its name after the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not in {deadline_s} s: {what}")
