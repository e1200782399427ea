"""Makes the statements on drift of what the history has; for the page, /status and /metrics."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from sqlalchemy import Engine

from rollout.drift.between_versions import between_versions
from rollout.drift.change_over_time import BACK_S, ChangePolicy, change_over_time
from rollout.drift.statements import ChangeStatement, DriftReport
from rollout.drift.training_distance import against_training
from rollout.drift.training_reference import TrainingReference
from rollout.history.reader import HistoryReader
from rollout.history.series import VersionCounts
from rollout.settings import DriftSettings
from rollout.state.ledger import Ledger
from router.watching.sources.step_series import StepSeries
from router.watching.sources.time_span import TimeSpan
from store.errors import StoreError
from store.history.history_store import HistoryStore

AGAIN_S = 5.0
CHANGE_AGAIN_S = 60.0
WINDOWS_BACK_S = 23 * 3_600
"""Minutes are kept for a day."""
QUIET_S = 3_600
"""Without a rollout rows of so long are compared with training."""
HOUR_S = 3_600
Counts = Mapping[str, VersionCounts]
References = Mapping[str, TrainingReference | None]
"""By version, as they were told; None of one that told none."""


class DriftReader:
    """Reads for one worker; threads may share it. clock: epoch seconds."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        references: Callable[[], References],
        settings: DriftSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._references, self._clock = references, clock
        self._policy = ChangePolicy(
            settings.false_alarm_days, settings.tolerance, settings.window_s
        )
        self._reader = HistoryReader(HistoryStore(engine, model), clock)
        self._windows, self._hours = StepSeries(self._reader), StepSeries(self._reader)
        self._lock = Lock()
        self._report = DriftReport()
        self._read_at = self._change_at = float("-inf")
        self._read_of: tuple[int, References] | None = None
        self._changed: ChangeStatement | None = None
        self._change_of: tuple[str, TrainingReference | None] = ("", None)

    def report(self, ledger: Ledger) -> DriftReport:
        """All statements, some seconds old; while the history is away, those of before.

        While another thread reads, nobody waits for it."""
        if not self._lock.acquire(blocking=False):
            return self._report

        try:
            self._read_when_due(ledger)
        finally:
            self._lock.release()

        return self._report

    def _read_when_due(self, ledger: Ledger) -> None:
        now = self._clock()
        references = dict(self._references())
        made_of = ledger.revision, references
        if made_of == self._read_of and 0 <= now - self._read_at < AGAIN_S:
            return

        # While the history is away its own notice says so, and what was found still holds.
        with suppress(StoreError):
            self._report = self._made(ledger, references, now)

        self._read_at, self._read_of = now, made_of

    def then(self, ledger: Ledger, counts: Counts) -> DriftReport:
        """The statements of a past moment, without the one over time. counts: of that moment."""
        return _of_counts(ledger, counts, self._references())

    def _made(self, ledger: Ledger, references: References, now: float) -> DriftReport:
        rollout = ledger.rollout
        since, only = now - QUIET_S, None
        if rollout is not None:
            since, only = rollout.started_at, rollout.id

        counts = self._reader.series(since, now, 60, only).total
        return replace(
            _of_counts(ledger, counts, references), change=self._change(ledger, references, now)
        )

    def _change(self, ledger: Ledger, references: References, now: float) -> ChangeStatement | None:
        version = ledger.released
        if version is None:
            return None

        made_of = version, references.get(version)
        is_fresh = made_of == self._change_of and 0 <= now - self._change_at < CHANGE_AGAIN_S
        known = self._changed
        if known is None or not is_fresh:
            windows = TimeSpan("windows", now - WINDOWS_BACK_S, now, int(self._policy.window_s))
            hours = TimeSpan("hours", now - BACK_S, now, HOUR_S)
            known = self._changed = change_over_time(
                version,
                made_of[1],
                self._windows.of(windows),
                self._hours.of(hours),
                self._policy,
            )
            self._change_at, self._change_of = now, made_of

        return known


def _of_counts(ledger: Ledger, counts: Counts, references: References) -> DriftReport:
    rollout, names = ledger.rollout, [ledger.released]
    if rollout is not None:
        names = [rollout.stable, rollout.candidate]

    def of(name: str) -> VersionCounts:
        return counts.get(name, VersionCounts())

    training = [
        against_training(name, references.get(name), of(name)) for name in filter(None, names)
    ]
    mix = None
    if rollout is not None and rollout.policy is not None:
        mix = between_versions(
            references.get(rollout.stable),
            rollout.number,
            of(rollout.candidate),
            of(rollout.stable),
        )

    return DriftReport(tuple(training), mix)
