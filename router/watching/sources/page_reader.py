"""Reads what the page shows. What cannot be read is named; the rest is still shown.

One thread uses it: it keeps what it has read of the history."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from rollout.errors import Refusal
from rollout.history.reader import HistoryReader
from rollout.history.series import Series, VersionCounts
from rollout.state.ledger import Ledger
from rollout.verdict.words.earlier_words import as_of_today
from router.dispatch.routing_table import RoutingTable
from router.drift.drift_reader import DriftReader
from router.endpoints.status import status
from router.evidence.worker_metrics import Snapshot
from router.watching.sources.act_list import ActList, RecordedAct
from router.watching.sources.page_sources import Json, PageSources
from router.watching.sources.present_verdict import PresentVerdict
from router.watching.sources.step_series import StepSeries
from router.watching.sources.time_span import TimeSpan, time_span
from router.watching.sources.verdict_moments import VerdictMoment, VerdictMoments
from router.watching.sources.version_numbers import of_history, of_status
from store.errors import StoreError
from store.history.history_store import HistoryStore
from store.ledger import LedgerStore

AGAIN_S = 5.0
"""How often verdict and history are read: as often as counts are handed in."""


@dataclass(frozen=True)
class _Recorded:
    """What databases had at a revision: acts and report, and why they could not be read."""

    revision: int
    read_at: float
    acts: list[RecordedAct]
    report: Json | None
    away: str


@dataclass(frozen=True)
class _Past:
    """What the history had at a revision, and why it could not be read."""

    revision: int
    read_at: float
    series: Series | None
    moments: list[VerdictMoment]
    since_rollout: Mapping[str, VersionCounts]
    away: str


@dataclass(frozen=True)
class WorkerState:
    """What a worker knows without asking a database. away: why its ledger does not answer."""

    table: RoutingTable
    snapshots: list[Snapshot]
    away: str


class PageReader:
    """Reads for one worker. state: may block; clock: epoch seconds."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        state: Callable[[], WorkerState],
        clock: Callable[[], float] = time.time,
        *,
        drift: DriftReader,
    ) -> None:
        self._drift = drift
        self._model, self._state, self._clock = model, state, clock
        self._reader = HistoryReader(HistoryStore(engine, model), clock)
        self._acts = ActList(LedgerStore(engine, model))
        self._verdict = PresentVerdict(engine, model)
        self._spans: dict[str, tuple[StepSeries, VerdictMoments]] = {}
        self._recorded: _Recorded | None = None
        self._pasts: dict[str, _Past] = {}

    def now(self, span_name: str) -> PageSources:
        """What is to be seen now."""
        state, now = self._state(), self._clock()
        ledger = state.table.ledger
        span = time_span(span_name, now, _started_at(ledger))
        body = status(state.table, state.snapshots, with_rows=True)
        rows, counted_since = body["since_rollout"], "since the rollout began"
        if rows is None:
            rows, counted_since = body["versions"], "since the router started"

        recorded = self._recorded = self._recorded_by(ledger, now)
        past = self._pasts[span_name] = self._past_by(span, ledger, now)
        return PageSources(
            model=self._model,
            at=now,
            past=False,
            span=span,
            ledger=ledger,
            acts=recorded.acts,
            versions=of_status(rows),
            counted_since=counted_since,
            failed_requests=body["failed_requests"],
            since_rollout=past.since_rollout,
            series=past.series,
            moments=past.moments,
            report=recorded.report,
            worst=body["worst"],
            workers=len(body["workers"]),
            rate_per_s=body["recent"]["rate"] if body["recent"] else None,
            away=state.away or recorded.away,
            history_away=past.away,
            drift=self._drift.report(ledger),
        )

    def then(self, at: float, span_name: str) -> PageSources:
        """What was to be seen at a past time; raises StoreError."""
        ledger, acts = self._acts.ledger_at(at, self._model)
        span = time_span(span_name, at, _started_at(ledger))
        seen, report, history_away = None, None, ""
        series, moments = None, []
        try:
            seen = self._reader.moment(at)
            series = StepSeries(self._reader).of(span)
            moments = VerdictMoments(self._reader).between(span.since, span.until)
        except StoreError as error:
            history_away = str(error)

        if seen is not None and seen.moment.report and seen.moment.revision == ledger.revision:
            report = _readable(dict(seen.moment.report))

        counts = seen.counts if seen is not None else {}
        return PageSources(
            model=self._model,
            at=at,
            past=True,
            span=span,
            ledger=ledger,
            acts=acts,
            versions=of_history(counts),
            counted_since="since the rollout began" if ledger.rollout else "in the hour before",
            since_rollout=counts,
            series=series,
            moments=moments,
            report=report,
            history_away=history_away,
            drift=self._drift.then(ledger, counts),
        )

    def _recorded_by(self, ledger: Ledger, now: float) -> _Recorded:
        known = self._recorded
        if known is not None and _is_new_enough(known, ledger, now):
            return known

        # While the ledger is away, what it had is still shown.
        acts = known.acts if known is not None else []
        report, away = None, ""
        try:
            acts = self._acts.newest(ledger.revision)
            stored = self._verdict.report(ledger)
            report = _readable(stored) if stored else None
        except (StoreError, Refusal) as error:
            away = str(error)

        return _Recorded(ledger.revision, now, acts, report, away)

    def _past_by(self, span: TimeSpan, ledger: Ledger, now: float) -> _Past:
        known = self._pasts.get(span.name)
        if known is not None and _is_new_enough(known, ledger, now):
            return known

        if span.name not in self._spans:
            self._spans[span.name] = StepSeries(self._reader), VerdictMoments(self._reader)

        steps, moments = self._spans[span.name]
        try:
            series = steps.of(span)
            seen = moments.between(span.since, span.until)
            totals = self._since_rollout(ledger, series, now)
        except StoreError as error:
            return _Past(ledger.revision, now, None, [], {}, str(error))

        return _Past(ledger.revision, now, series, seen, totals, "")

    def _since_rollout(
        self, ledger: Ledger, series: Series, now: float
    ) -> Mapping[str, VersionCounts]:
        """Counts since the rollout began; without one, those of the span."""
        rollout = ledger.rollout
        if rollout is None:
            return series.total
        return self._reader.series(rollout.started_at, now, 60, rollout.id).total


def _is_new_enough(known: _Recorded | _Past, ledger: Ledger, now: float) -> bool:
    return known.revision == ledger.revision and 0 <= now - known.read_at < AGAIN_S


def _started_at(ledger: Ledger) -> float | None:
    return ledger.rollout.started_at if ledger.rollout else None


def _readable(stored: dict[str, Any]) -> Json | None:
    """A report with the keys of today; None for one that cannot be read."""
    try:
        return as_of_today(stored)
    except (KeyError, TypeError, ValueError):
        return None
