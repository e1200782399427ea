"""Puts together what a rollout is judged on: the counts as they are stored, and what was frozen of
them.

Three things are frozen while a rollout runs, each once: the reference, the evidence at each
restart, and a failure. They are kept beside the evidence, so that whoever conducts next goes on
with the same ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.state.ledger import Ledger, Rollout
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference, enough, reference_of, reference_of_body
from rollout.verdict.evidence import Evidence, Tally, from_body, merged
from rollout.verdict.report import JudgingInput
from rollout.verdict.signals.registry import threshold_kinds
from rollout.verdict.verdict import RESTARTS, Verdict

REFERENCE = "reference"
FAILED = "failed"
BY_THRESHOLDS = threshold_kinds()
"""Kinds that are read by thresholds of the reference, so they count from the moment that it
stands.
"""

Counted = tuple[str, int, Tally]
Levels = tuple[str, int, int, int]
Pair = tuple[int, int, int]
Marks = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class EvidenceSnapshot:
    """The evidence of one rollout, with what was frozen of it. `freeze`: marks to be set now, by
    name.
    """

    rollout: Rollout
    evidence: Evidence
    marks: Marks

    def case(self, weight: int, now: float) -> JudgingInput | None:
        """The case to be judged; None where the rollout is not judged."""
        if self.rollout.policy is None:
            return None

        frozen = self.marks.get(REFERENCE)
        reference = reference_of_body(frozen["reference"]) if frozen else Reference()
        counted = self._counted(self.evidence)
        restarts = [
            self._counted(from_body(self.marks[name]))
            for name in restart_names()
            if name in self.marks
        ]
        running = now - self.rollout.started_at
        return JudgingInput(
            self.rollout, self.rollout.policy, counted, restarts, reference, weight, running
        )

    def to_freeze(self, history: Tally) -> dict[str, dict[str, Any]]:
        """Marks whose time has come. history: what the stable version did before the rollout."""
        found: dict[str, dict[str, Any]] = {}
        if REFERENCE not in self.marks:
            reference = self._reference(history)
            if reference is not None:
                found[REFERENCE] = reference

        served = int(self.evidence.requests(self.rollout.candidate))
        for name, count in zip(restart_names(), RESTARTS, strict=True):
            if served >= count and name not in self.marks:
                found[name] = self.evidence.to_body()

        return found

    def served(self, weight: int) -> int:
        """Finished requests of the candidate at this weight."""
        tally = self.evidence.tallies.get((self.rollout.candidate, weight), {})
        return sum(tally.get("finished", {}).values())

    def _counted(self, evidence: Evidence) -> Evidence:
        """Without what was counted before the thresholds stood: a bet on what made its threshold
        would be no bet.
        """
        began = self.marks.get(REFERENCE, {}).get("since")
        if began is None:
            return evidence
        return evidence.since(from_body(began), BY_THRESHOLDS)

    def _reference(self, history: Tally) -> dict[str, Any] | None:
        if enough(history):
            return {"reference": reference_of(history).to_body(), "since": None}

        own = merged("", "", self._of_stable()).tallies.get((self.rollout.stable, 0), {})
        if not enough(own):
            return None

        # Rates that bets are on already keep the centre they began with.
        found = replace(
            Reference(), **{kind: getattr(reference_of(own), kind) for kind in BY_THRESHOLDS}
        )
        return {"reference": found.to_body(), "since": self.evidence.to_body()}

    def _of_stable(self) -> Iterable[Counted]:
        stable = self.rollout.stable
        return (
            (name, 0, tally) for (name, _), tally in self.evidence.tallies.items() if name == stable
        )


def evidence_snapshot(
    rollout: Rollout,
    counted: Iterable[Counted],
    labels: Iterable[Levels],
    marks: Marks,
    pairs: Iterable[Pair] = (),
) -> EvidenceSnapshot:
    """The docket of stored counts: (version, weight, tally) a worker, and labels as (version,
    weight, level, n).

    pairs: (level of the user's answer, level of the shadow's answer to the same request, n).
    """
    losses: list[Counted] = [
        (version, weight, {"labels": {str(level): n}}) for version, weight, level, n in labels
    ]
    losses += [
        (rollout.candidate, 0, {"paired": {str(copied - level): n}}) for level, copied, n in pairs
    ]
    return EvidenceSnapshot(
        rollout, merged(rollout.candidate, rollout.stable, [*counted, *losses]), marks
    )


def history_of(counted: Iterable[Counted], version: str) -> Tally:
    """All that a version did while nothing was rolled out."""
    parts = [(name, ALL, tally) for name, _, tally in counted if name == version]
    return merged(version, version, parts).tallies.get((version, ALL), {})


def latched(verdict: Verdict, marks: Marks) -> Verdict:
    """The verdict, or the failure that was found before: evidence once reached does not get lost
    again.
    """
    failed = marks.get(FAILED)
    if failed is None or verdict.word == "fail":
        return verdict
    return replace(verdict, word="fail", because=tuple(failed["because"]))


def judged_late(ledger: Ledger) -> Rollout | None:
    """The rollout whose late labels still count although it is over."""
    if ledger.rollout is not None or ledger.last is None or ledger.flagged:
        return None
    if ledger.released == ledger.last.candidate:
        return ledger.last
    return None


def restart_names() -> list[str]:
    """The marks of the restarts, in order."""
    return [f"restart-{count}" for count in RESTARTS]
