"""Conducts: one router process holds the lease; each second it judges the rollout and takes the
step that is due.

Every worker hands in its counts. Who conducts reads them all, asks rollout/verdict/verdict.py and
rollout/decide/reconcile.py, and inserts the next revision; the ledger lets exactly one insert win,
so two conductors at once do nothing twice. What was frozen is in the database, so the next
conductor goes on where this one stopped. While the database is away nothing is lost: counts are
kept, and what is due is done when it answers again."""

import logging
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import advance, begin_queued
from rollout.decide.reconcile import Observation, flagged, next_move
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, Rollout
from rollout.verdict.evidence import Tally
from rollout.verdict.evidence_snapshot import (
    FAILED,
    REFERENCE,
    EvidenceSnapshot,
    evidence_snapshot,
    history_of,
    judged_late,
    latched,
)
from rollout.verdict.memory_errors import short_of_memory
from rollout.verdict.report import account
from rollout.verdict.verdict import Verdict
from router.evidence.evidence_counters import NO_ROLLOUT, EvidenceByWeight
from router.shadow.shadow_buffer import ShadowBuffer
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


class SteadyClock:
    """Epoch seconds that do not jump: the system's clock once, from then on the monotonic one."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Now."""
        return time.monotonic() + self._offset


class Controller:
    """One worker's part. Its methods are called by one thread, one at a time."""

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
        self.tallies, self.clock, self.kept = (
            tallies,
            clock or SteadyClock(),
            kept or ShadowBuffer(),
        )
        self.lease: Lease | None = None
        self.verdict: Verdict | None = None
        self._patience = LeaseTimes(LEASE_S)
        self._serial = 0
        self._handed_in: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._ticks = 0

    def tick(self, ledger: Ledger) -> None:
        """Hand in the counts; conduct if the lease is mine. Never raises: the next tick may do
        better.

        The lease comes first and each part by itself: what lies beside the ledger may be away while
        the ledger answers."""
        leads = self._attempt("the lease was not looked at", self._leads)
        self._attempt("counts were not handed in", self._hand_in)
        if leads:
            self._attempt("nothing was conducted", lambda: self._conduct(ledger))

    def _attempt(self, otherwise: str, act: Callable[[], object]) -> object:
        """What an act gives, None where it fails. Whoever calls this each second would end with
        what is raised.
        """
        try:
            return act()
        except Conflict as conflict:
            log.info("somebody was first: %s", conflict)
        except (StoreError, Refusal) as error:
            log.warning("%s: %s", otherwise, error)
        except Exception:
            log.exception("%s: a rollout could not be conducted", otherwise)

        return None

    def _hand_in(self) -> None:
        self.flush()
        for rollout, answers in self.kept.take().items():
            self.copies.keep(rollout, answers)

    def flush(self) -> None:
        """Hand in the counts of this worker that have changed since they were last taken."""
        rows = [EvidenceRow(*row) for row in self.tallies.rows()]
        changed = [row for row in rows if row.body and self._handed_in.get(_place(row)) != row.body]
        if not changed:
            return

        self._serial += 1
        self.evidence.flush(self.me, self._serial, changed)
        self._handed_in = {_place(row): row.body for row in rows}

    def gauges(self) -> dict[tuple[str, ...], float]:
        """How near each signal is to its decision, where this worker conducts."""
        if self.lease is None or self.verdict is None:
            return {}

        found: dict[tuple[str, ...], float] = {
            ("verdict", "all"): self.verdict.against / self.verdict.needed
        }
        for judged in self.verdict.signals:
            found["verdict", judged.rule.name] = judged.against / judged.against_needed

        return found

    def _leads(self) -> bool:
        try:
            if self.lease is not None:
                self.lease = self.leases.renew(self.lease)
            else:
                self.lease = self._taken(self.leases.look())
        except StoreError:
            # While the record was away its holder could not renew either.
            self._patience = LeaseTimes(LEASE_S)
            raise

        return self.lease is not None

    def _taken(self, seen: Lease | None) -> Lease | None:
        if seen is not None and seen.holder == self.me:
            return self.leases.renew(seen)

        if self._patience.may_take(seen, time.monotonic()):
            return self.leases.take(seen, self.me)
        return None

    def _conduct(self, ledger: Ledger) -> None:
        self._ticks += 1
        rollout = ledger.rollout
        if rollout is not None and rollout.policy is not None:
            self._judge(ledger, rollout)
            return

        self.verdict = None
        waited = begin_queued(ledger, self.clock())
        if waited is not None:
            self._record(waited, f"it waited for the end of another: {waited.summary}")
            return

        record = advance(ledger, self.clock())
        if record is not None:
            self._record(record, f"by the clock: {record.summary}")

        late = judged_late(ledger)
        if late is not None and self._ticks % LATE_LABELS_EVERY == 0:
            self._judge_late(ledger, late)

    def _judge(self, ledger: Ledger, rollout: Rollout) -> None:
        found = self._docket(rollout)
        weight, now = ledger.weight(rollout.candidate), self.clock()
        case = found.case(weight, now)
        if case is None:
            return

        self.verdict = verdict = latched(case.verdict(), found.marks)
        if verdict.word == "fail":
            self.evidence.mark(rollout.id, FAILED, {"because": list(verdict.because)})

        memory = short_of_memory(found.evidence)
        seen = Observation(
            now, verdict, found.served(weight), lambda: account(case, verdict), memory
        )
        record = next_move(ledger, seen)
        if record is not None:
            told = (record.ledger.verdict or {}).get("because", "")
            self._record(record, f"{record.summary} ({told})" if told else record.summary)

    def _docket(self, rollout: Rollout) -> EvidenceSnapshot:
        """The evidence of a rollout; what is to be frozen now is frozen first."""
        counted = self.evidence.counted(rollout.id)
        labels, pairs = self.labels.levels(rollout.number), self.labels.pairs(rollout.number)
        marks = self.evidence.marks(rollout.id)
        found = evidence_snapshot(rollout, counted, labels, marks, pairs)
        fresh = found.to_freeze({} if REFERENCE in marks else self._history(rollout.stable))
        if not fresh:
            return found

        marks = {
            **marks,
            **{name: self.evidence.mark(rollout.id, name, body) for name, body in fresh.items()},
        }
        return evidence_snapshot(rollout, counted, labels, marks, pairs)

    def _history(self, version: str) -> Tally:
        """What a version did while nothing was rolled out."""
        released = self.evidence.counted(NO_ROLLOUT)
        return history_of(released, version)

    def _judge_late(self, ledger: Ledger, rollout: Rollout) -> None:
        """Labels of a rollout that is over may still speak against what it released."""
        case = self._docket(rollout).case(ledger.weight(rollout.candidate), self.clock())
        if case is None:
            return

        verdict = case.verdict()
        blamed = [
            judged for judged in verdict.signals if judged.rule.name == "labels" and judged.worse
        ]
        if blamed:
            told = account(case, verdict)
            record = flagged(ledger, "late labels speak against it", told)
            self._record(record, record.summary)

    def _record(self, record: RecordRevision, reason: str) -> None:
        """Write the step; raises Conflict where another router or an operator was first."""
        at = datetime.fromtimestamp(self.clock(), UTC)
        body = record.ledger.to_body()
        self.ledgers.append(record.ledger.revision, body, record.act, "conductor", reason, at)


def _place(row: EvidenceRow) -> tuple[str, str, int]:
    """Where a row's counts belong."""
    return row.rollout, row.version, row.weight
