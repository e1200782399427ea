"""The rollout controller: the worker with the lease judges the rollout each second and acts.

Every worker flushes its counts to the database. The controller reads all of them, asks
rollout/verdict/verdict.py and rollout/decide/reconcile.py, and inserts the next revision. The
ledger accepts exactly one insert, so two controllers at once do nothing twice. Frozen evidence is
in the database, so the next controller goes on where this one stopped. While the database is not
available nothing is lost: workers keep their counts, and the acts follow later."""

import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import advance, begin_queued
from rollout.decide.reconcile import Observation, flagged, needs_capacity, next_move
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, Rollout
from rollout.verdict.baseline import ENOUGH_LABELS
from rollout.verdict.breaker import tripped
from rollout.verdict.capacity import no_room, not_shown
from rollout.verdict.evidence import NO_ROLLOUT, Tally
from rollout.verdict.evidence_snapshot import (
    FAILED,
    REFERENCE,
    EvidenceSnapshot,
    Levels,
    evidence_snapshot,
    history_of,
    judged_late,
    latched,
)
from rollout.verdict.memory_errors import short_of_memory
from rollout.verdict.recent_outcomes import RecentOutcomes
from rollout.verdict.report import account
from rollout.verdict.verdict import GUARD_LIMIT, Verdict
from router.control.arrival_sampler import ArrivalSampler
from router.evidence.evidence_counters import EvidenceByWeight
from router.evidence.labels import counted_levels
from router.evidence.prediction_values import UNKNOWN
from router.history.writer import Judgement
from router.shadow.shadow_buffer import ShadowBuffer
from store.arrivals import ArrivalStore
from store.errors import Conflict, StoreError
from store.evidence import EvidenceRow, EvidenceStore
from store.feedback import FeedbackStore
from store.leases import Lease, LeaseStore, LeaseTimes
from store.ledger import LedgerStore
from store.shadow_answers import ShadowAnswerStore

log = logging.getLogger("sluice.conductor")
TICK_S = 1.0
LEASE_S = 4.0
LATE_LABELS_EVERY = 10
KEPT_JUDGEMENTS = 8
"""For the history, which takes them in a thread of its own."""


class SteadyClock:
    """Epoch seconds that never jump: the system's clock is read once, then the monotonic one."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Now."""
        return time.monotonic() + self._offset


class Controller:
    """The controller of one worker. One thread calls its methods, one at a time."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        tallies: EvidenceByWeight,
        clock: Callable[[], float] | None = None,
        kept: ShadowBuffer | None = None,
    ) -> None:
        self.me = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.ledgers = LedgerStore(engine, model)
        self.evidence = EvidenceStore(engine, model)
        self.labels = FeedbackStore(engine, model)
        self.copies = ShadowAnswerStore(engine, model)
        self.leases = LeaseStore(engine, model)
        self.arrivals = ArrivalSampler(ArrivalStore(engine, model), self.me)
        self.tallies = tallies
        self.clock = clock or SteadyClock()
        self.kept = kept or ShadowBuffer()
        self.lease: Lease | None = None
        self.verdict: Verdict | None = None
        self.recent = RecentOutcomes()
        self.judged: deque[Judgement] = deque(maxlen=KEPT_JUDGEMENTS)
        self._lease_times = LeaseTimes(LEASE_S)
        self._serial = 0
        self._flushed: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._ticks = 0

    def tick(self, ledger: Ledger) -> None:
        """Flush the counts, and control the rollout if this worker has the lease. Never raises.

        Each part is attempted by itself: one table may fail while the ledger answers."""
        leads = self._attempt("the lease was not read", self._leads)
        self._attempt("the counts were not stored", self._flush_all)
        if leads:
            self._attempt("the rollout was not controlled", lambda: self._control(ledger))

    def _attempt(self, failure: str, act: Callable[[], object]) -> object:
        """The result of an act, None where it fails: an error is logged, the next tick retries."""
        try:
            return act()
        except Conflict as conflict:
            log.info("another writer was first: %s", conflict)
        except (StoreError, Refusal) as error:
            log.warning("%s: %s", failure, error)
        except Exception:
            log.exception("%s: unexpected error", failure)

        return None

    def _flush_all(self) -> None:
        self.flush()
        for rollout, answers in self.kept.take().items():
            if not self.copies.keep(rollout, answers):
                self.kept.close(rollout)

    def flush(self) -> None:
        """Store the counts of this worker that have changed since the last flush."""
        rows = [EvidenceRow(*row) for row in self.tallies.rows()]
        changed = [row for row in rows if row.body and self._flushed.get(_key(row)) != row.body]
        if not changed:
            return

        self._serial += 1
        self.evidence.flush(self.me, self._serial, changed)
        self._flushed = {_key(row): row.body for row in rows}

    def gauges(self) -> dict[tuple[str, ...], float]:
        """How close each signal is to a decision, if this worker is the controller."""
        if self.lease is None or self.verdict is None:
            return {}

        gauges: dict[tuple[str, ...], float] = {
            ("verdict", "all"): self.verdict.against / self.verdict.needed,
            ("verdict", "sample ratio"): self.verdict.ratio / GUARD_LIMIT,
        }
        for judged in self.verdict.signals:
            gauges["verdict", judged.rule.name] = judged.against / judged.against_needed

        return gauges

    def _leads(self) -> bool:
        try:
            if self.lease is not None:
                self.lease = self.leases.renew(self.lease)
            else:
                self.lease = self._acquire(self.leases.look())
        except StoreError:
            # While the database did not answer, the holder could not renew it either.
            self._lease_times = LeaseTimes(LEASE_S)
            raise

        return self.lease is not None

    def _acquire(self, seen: Lease | None) -> Lease | None:
        if seen is not None and seen.holder == self.me:
            return self.leases.renew(seen)

        if self._lease_times.may_take(seen, time.monotonic()):
            return self.leases.take(seen, self.me)
        return None

    def _control(self, ledger: Ledger) -> None:
        self._ticks += 1
        rollout = ledger.rollout
        if rollout is not None and rollout.policy is not None:
            self._judge(ledger, rollout)
            return

        self.verdict = None
        waited = begin_queued(ledger, self.clock())
        if waited is not None:
            self._record(
                waited, f"it was queued until the rollout before it ended: {waited.summary}", None
            )
            return

        record = advance(ledger, self.clock())
        if record is not None:
            self._record(record, f"by the clock: {record.summary}", rollout)

        late = judged_late(ledger)
        if late is not None and self._ticks % LATE_LABELS_EVERY == 0:
            self._judge_late(ledger, late)

    def _judge(self, ledger: Ledger, rollout: Rollout) -> None:
        snapshot = self._snapshot(ledger, rollout)
        weight, now = ledger.weight(rollout.candidate), self.clock()
        case = snapshot.case(weight, now)
        if case is None:
            return

        self.recent = self.recent.seen(rollout.id, snapshot.evidence, now)
        rate_not_shown = self._rate_not_shown(ledger, rollout)
        case = self.arrivals.with_samples(replace(case, capacity=rate_not_shown))
        breaker = tripped(self.recent, case.policy.breaker, rollout.stable, weight)
        self.verdict = verdict = latched(case.verdict().broken(breaker), snapshot.marks)
        if verdict.word == "fail":
            self.evidence.mark(rollout.id, FAILED, {"because": list(verdict.because)})

        observation = Observation(
            now,
            verdict,
            snapshot.served(weight),
            lambda: account(case, verdict),
            memory=short_of_memory(snapshot.evidence),
            no_room=no_room(self.recent, weight),
            rate_not_shown=rate_not_shown,
            was_away=snapshot.evidence.was_away(now),
        )
        record = next_move(ledger, observation)
        self.judged.append(Judgement(now, ledger, case, verdict, acted=record is not None))
        if record is None:
            return

        reason = record.summary
        if because := (record.ledger.verdict or {}).get("because", ""):
            reason += f" ({because})"

        self._record(record, reason, rollout)

    def _rate_not_shown(self, ledger: Ledger, rollout: Rollout) -> str:
        """Which rate the candidate has shown, where that is to be shown and not enough."""
        if needs_capacity(ledger, rollout):
            return not_shown(self.recent)
        return ""

    def _snapshot(self, ledger: Ledger, rollout: Rollout) -> EvidenceSnapshot:
        """The evidence of a rollout. What has to be frozen now is stored first."""
        counted = self.evidence.counted(rollout.id)
        labels = self.labels.levels(rollout.number)
        pairs = self.labels.pairs(rollout.number, rollout.candidate, rollout.stable)
        marks = self.evidence.marks(rollout.id)
        snapshot = evidence_snapshot(rollout, counted, labels, marks, pairs)
        history: Tally = {}
        if REFERENCE not in marks:
            history = self._history(ledger, rollout)

        first: list[Levels] = []
        if snapshot.lacks_loss:
            first = self.labels.first(rollout.number, ENOUGH_LABELS)

        new_marks = snapshot.to_freeze(history, first)
        if not new_marks:
            return snapshot

        stored = dict(marks)
        for name, body in new_marks.items():
            stored[name] = self.evidence.mark(rollout.id, name, body)

        return evidence_snapshot(rollout, counted, labels, stored, pairs)

    def _history(self, ledger: Ledger, rollout: Rollout) -> Tally:
        """What the stable version did while there was no rollout, and its labels from before this
        one, by the loss of this one.
        """
        stable, released = rollout.stable, self.evidence.counted(NO_ROLLOUT)
        history = history_of(released, stable)
        if rollout.policy is None or rollout.policy.labels is None:
            return history

        labelled, answers = self.labels.before(rollout.number, stable), UNKNOWN
        if stable in ledger.versions:
            answers = ledger.versions[stable].answers

        return {**history, "labels": counted_levels(labelled, rollout.policy.labels, answers)}

    def _judge_late(self, ledger: Ledger, rollout: Rollout) -> None:
        """Flag a released version if late labels of its finished rollout look worse."""
        case = self._snapshot(ledger, rollout).case(ledger.weight(rollout.candidate), self.clock())
        if case is None:
            return

        verdict = case.verdict()
        if any(judged.rule.name == "labels" and judged.worse for judged in verdict.signals):
            record = flagged(ledger, "late labels look worse", account(case, verdict))
            self._record(record, record.summary, rollout)

    def _record(self, record: RecordRevision, reason: str, rollout: Rollout | None) -> None:
        """Append a revision; raises Conflict if another router or an operator was first.

        rollout: the one that it is about, where it was in progress before."""
        at = datetime.fromtimestamp(self.clock(), UTC)
        body = record.ledger.to_body()
        self.ledgers.append(record.ledger.revision, body, record.act, "conductor", reason, at)
        about = rollout or record.ledger.rollout
        fields: dict[str, object] = {"revision": record.ledger.revision}
        if about is not None:
            fields |= {"rollout": about.id, "version": about.candidate}

        log.info("%s: %s", record.act, reason, extra=fields)


def _key(row: EvidenceRow) -> tuple[str, str, int]:
    return row.rollout, row.version, row.weight
