"""Waiting for a condition, which is what tests do instead of sleeping."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 240.0
"""No test is about how fast its host is: only what never happens runs into a deadline, so it may be
a long one.
"""


def until(condition: Callable[[], Any], what: str, deadline_s: float = PATIENCE_S) -> Any:
    """Return what the condition gives once it is true; fail with its name after the deadline,
    PATIENCE_S at least.
    """
    deadline_s = max(deadline_s, PATIENCE_S)
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)

    raise AssertionError(f"not in {deadline_s} s: {what}")
