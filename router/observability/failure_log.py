"""Tells of requests that failed: each with its id, version and rollout, and not more than a few a
second, so that an outage does not fill the disk."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("sluice.requests")
MOST_PER_S = 10


class FailureLog:
    """The lines of one worker about its requests. What is not told is counted in the next line."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._lines = 0
        self._untold = 0

    def refused(
        self,
        request_id: bytes,
        status: int,
        version: str = "",
        rollout: str = "",
        reason: str = "",
        trace_id: str = "",
    ) -> None:
        """A request was answered with 5xx. reason: a word of the code, never a caller's text."""
        fields = {"status": status, "reason": reason, "trace_id": trace_id}
        self._tell(logging.WARNING, "a request failed", request_id, version, rollout, fields)

    def fell_back(self, request_id: bytes, failed: str, version: str, rollout: str) -> None:
        """`version` has answered for the one that failed."""
        message = f"{failed} failed, another version answered"
        self._tell(logging.INFO, message, request_id, version, rollout, {})

    def _tell(
        self,
        level: int,
        message: str,
        request_id: bytes,
        version: str,
        rollout: str,
        fields: dict[str, object],
    ) -> None:
        if not self._has_room():
            self._untold += 1
            return

        if self._untold:
            message, self._untold = f"{message} ({self._untold} more before it)", 0

        known = {"request_id": request_id.decode("latin-1"), "version": version, "rollout": rollout}
        extra = {name: value for name, value in (known | fields).items() if value}
        log.log(level, message, extra=extra)

    def _has_room(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0

        self._lines += 1
        return self._lines <= MOST_PER_S
