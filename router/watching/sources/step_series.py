"""Counts by step of a time that ends now: read whole once, then only the steps that may change."""

from collections.abc import Mapping

from rollout.history.levels import floor
from rollout.history.reader import HistoryReader
from rollout.history.series import Series, VersionCounts
from router.watching.sources.time_span import TimeSpan

LATE_S = 30
"""How late the counts of another machine may come."""


class StepSeries:
    """The counts of one span. Used by one thread."""

    def __init__(self, reader: HistoryReader) -> None:
        self._reader = reader
        self._steps: dict[int, Mapping[str, VersionCounts]] = {}
        self._step = 0
        self._since = 0.0

    def of(self, span: TimeSpan) -> Series:
        """The series up to `span.until`; raises StoreUnavailable."""
        since = span.since
        if self._steps and span.step == self._step and since >= self._since:
            since = max(since, max(self._steps) - max(LATE_S, 2 * span.step))
        else:
            self._steps = {}

        newest = self._reader.series(since, span.until, span.step)
        self._step = span.step
        if newest.step != span.step:
            # What lies so far back is kept in longer steps only.
            self._steps = {}
            return newest

        self._steps.update(zip(newest.at, newest.steps, strict=True))
        self._since = span.since
        begin = floor(span.since, span.step)
        for at in [at for at in self._steps if at < begin]:
            del self._steps[at]

        # The steps that have not ended where counts were taken last would look like a fall.
        until = min(span.until, newest.as_of or span.until)
        times = range(begin, max(begin + span.step, floor(until, span.step)), span.step)
        steps = [self._steps.get(at, {}) for at in times]
        return Series(times, span.step, steps, newest.as_of, newest.age_s)
