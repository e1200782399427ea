"""The verdict on the rollout in progress, made from the stored evidence as the controller does."""

import time
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from rollout.state.ledger import Ledger
from rollout.verdict.arrivals import arrivals_of_body
from rollout.verdict.evidence_snapshot import evidence_snapshot, latched
from rollout.verdict.report import account
from store.arrivals import ArrivalStore
from store.evidence import EvidenceStore
from store.feedback import FeedbackStore


class PresentVerdict:
    """Reads the evidence of one model's rollouts. Used by one thread."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._evidence, self._labels = EvidenceStore(engine, model), FeedbackStore(engine, model)
        self._arrivals = ArrivalStore(engine, model)

    def report(self, ledger: Ledger) -> dict[str, Any] | None:
        """The report (rollout/verdict/report.py); None unless a rollout is judged. Raises
        StoreError.
        """
        rollout = ledger.rollout
        if rollout is None or rollout.policy is None:
            return None

        levels = self._labels.levels(rollout.number)
        pairs = self._labels.pairs(rollout.number, rollout.candidate, rollout.stable)
        counted, marks = self._evidence.counted(rollout.id), self._evidence.marks(rollout.id)
        snapshot = evidence_snapshot(rollout, counted, levels, marks, pairs)
        case = snapshot.case(ledger.weight(rollout.candidate), time.time())
        if case is None:
            return None

        samples = tuple(map(arrivals_of_body, self._arrivals.of(rollout.id)))
        case = replace(case, samples=samples, capacity=self._arrivals.capacity(rollout.id))
        return account(case, latched(case.verdict(), snapshot.marks))
