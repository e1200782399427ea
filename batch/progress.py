"""How far a run is: rows, speed, and the time that is left."""

import time
from collections.abc import Callable

import msgspec

EVERY_S = 0.5


class BatchProgress(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    """rows, bad: so far. total: None where it is not known. seconds_left: None likewise."""

    rows: int
    total: int | None
    bad: int
    rows_per_s: float
    seconds_left: float | None


class ProgressMeter:
    """Reports at most every EVERY_S seconds. Rows of an earlier run do not count for the speed."""

    def __init__(
        self,
        total: int | None,
        report: Callable[[BatchProgress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.report, self.clock = total, report, clock
        self.rows = self.bad = self.resumed_rows = 0
        self._began, self._reported = clock(), 0.0

    def resumed(self, rows: int, bad: int) -> None:
        """Count rows of an earlier run."""
        self.rows += rows
        self.bad += bad
        self.resumed_rows += rows

    def add(self, rows: int, bad: int) -> None:
        """Count rows, and report where it is time."""
        self.rows += rows
        self.bad += bad
        now = self.clock()
        if now - self._reported >= EVERY_S:
            self._reported = now
            self.report(self.state())

    def state(self) -> BatchProgress:
        """The progress by now."""
        speed = (self.rows - self.resumed_rows) / max(self.clock() - self._began, 1e-9)
        left = None
        if self.total is not None and speed > 0:
            left = (self.total - self.rows) / speed

        return BatchProgress(self.rows, self.total, self.bad, speed, left)
