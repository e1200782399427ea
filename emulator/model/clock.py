"""Time on the platform. It may run faster than here, and may be made to jump.

There are two kinds of duration. The platform's own waits (add-ons, cool-off, preboot, cycling, the
rate limit) pass `speed` times faster. What the platform allows a process (boot, first byte,
shutdown, build) is divided by `hurry`: a process does not run faster because the clock does.
"""

import time
from datetime import UTC, datetime

from emulator.condition import Condition


class Clock:
    """`speed` and `hurry` are at least 1."""

    def __init__(self, speed: float = 1.0, hurry: float = 1.0) -> None:
        self.speed, self.hurry = speed, hurry
        self._jumped = 0.0
        self._changed = Condition()

    def now(self) -> float:
        """Seconds of the platform since an arbitrary start."""
        return time.monotonic() * self.speed + self._jumped

    def jump(self, seconds: float) -> None:
        """Let that many seconds of the platform's time pass at once."""
        self._jumped += seconds
        self._changed.notify()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the platform's time."""
        end = self.now() + seconds
        while self.now() < end:
            before = self._jumped
            left_s = (end - self.now()) / self.speed
            await self._changed.until(lambda: self._jumped != before, left_s)  # noqa: B023

    def allowed(self, seconds: float) -> float:
        """Real seconds in which a process must do what the platform allows `seconds` for."""
        return seconds / self.hurry


def stamp() -> str:
    """The time now as the API writes it, to the second, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
