"""Who did what, when and why, with the split that it left: the ledger's entries for the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.errors import Refusal
from rollout.state.ledger import Ledger, from_body
from store.entry import Entry
from store.ledger import LedgerStore

MOST_ACTS = 500
JUST_BEFORE_S = 0.001


@dataclass(frozen=True)
class RecordedAct:
    """One act. at: epoch seconds. asked: basis points by version from then on. rollout: the id of
    the one in progress from then on, and its outline; verdict: on what it was decided, if on one.
    """

    revision: int
    at: float
    actor: str
    action: str
    reason: str
    asked: Mapping[str, int]
    released: str | None
    rollout: str
    candidate: str
    verdict: dict[str, Any] | None

    @property
    def seen_at(self) -> float:
        """The moment before it: what its actor saw."""
        return self.at - JUST_BEFORE_S


class ActList:
    """The newest acts of one ledger, read again when it has grown. Used by one thread."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._acts: list[RecordedAct] = []

    def newest(self, revision: int) -> list[RecordedAct]:
        """The acts, newest first, as long as the ledger has not grown past `revision`; raises
        StoreError.
        """
        known = self._acts[0].revision if self._acts else 0
        if revision > known or not self._acts:
            entries = self._store.history(limit=min(MOST_ACTS, max(1, revision - known + 2)))
            fresh = [act_of(entry) for entry in entries if entry.revision > known]
            self._acts = [*fresh, *self._acts][:MOST_ACTS]

        return self._acts

    def ledger_at(self, at: float, model: str) -> tuple[Ledger, list[RecordedAct]]:
        """The ledger in force at a time, and the acts up to then, newest first; raises StoreError,
        BrokenRecord.
        """
        past = [entry for entry in self._store.history() if entry.at.timestamp() <= at]
        if not past:
            return Ledger(model=model), []
        return from_body(past[0].body, past[0].revision), list(map(act_of, past[:MOST_ACTS]))


def act_of(entry: Entry) -> RecordedAct:
    """One entry; of one that this Sluice cannot read only who did what."""
    try:
        ledger = from_body(entry.body, entry.revision)
    except Refusal:
        ledger = Ledger(model=entry.model)

    rollout = ledger.rollout
    return RecordedAct(
        revision=entry.revision,
        at=entry.at.timestamp(),
        actor=entry.actor,
        action=entry.action,
        reason=entry.reason,
        asked=dict(ledger.split.weights()) if ledger.split else {},
        released=ledger.released,
        rollout=rollout.id if rollout else "",
        candidate=rollout.candidate if rollout else "",
        verdict=ledger.verdict,
    )
