"""Waiting for a condition, which is what tests do instead of sleeping."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 240.0
"""Tests do not measure how fast their host is. Only a condition that never holds runs into the
deadline, so it may be a long one.
"""


def until(condition: Callable[[], Any], what: str, deadline_s: float = PATIENCE_S) -> Any:
    """Return the condition's result once it is true. Fails with `what` after the deadline, which is
    at least PATIENCE_S.
    """
    deadline_s = max(deadline_s, PATIENCE_S)
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < deadline_s:
        result = condition()
        if result:
            return result

        # What takes long is not asked so often: the question costs the processor that answers it.
        time.sleep(0.01 if waited < 0.5 else 0.05)

    raise AssertionError(f"not in {deadline_s} s: {what}")
