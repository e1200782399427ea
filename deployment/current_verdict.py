"""The current verdict, from the ledger's database: what the controller will see next."""

import time
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from rollout.state.ledger import Ledger
from rollout.verdict.arrivals import arrivals_of_body
from rollout.verdict.evidence_snapshot import evidence_snapshot, latched
from rollout.verdict.report import account
from store import EvidenceStore, FeedbackStore
from store.arrivals import ArrivalStore


def judged(database: Engine, ledger: Ledger, now: float | None = None) -> dict[str, Any] | None:
    """The report of the rollout in progress; None unless one is judged. Raises StoreError."""
    rollout = ledger.rollout
    if rollout is None or rollout.policy is None:
        return None

    evidence, labels = EvidenceStore(database, ledger.model), FeedbackStore(database, ledger.model)
    counted, marks = evidence.counted(rollout.id), evidence.marks(rollout.id)
    pairs = labels.pairs(rollout.number, rollout.candidate, rollout.stable)
    snapshot = evidence_snapshot(rollout, counted, labels.levels(rollout.number), marks, pairs)
    moment = time.time() if now is None else now
    case = snapshot.case(ledger.weight(rollout.candidate), moment)
    if case is None:
        return None

    arrivals = ArrivalStore(database, ledger.model)
    samples = tuple(map(arrivals_of_body, arrivals.of(rollout.id)))
    case = replace(case, samples=samples, capacity=arrivals.capacity(rollout.id))
    return account(case, latched(case.verdict(), snapshot.marks))
