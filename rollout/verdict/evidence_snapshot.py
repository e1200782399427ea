"""What a rollout is judged on: the counts as they are stored, and what was frozen of them.

Three things are frozen while a rollout runs, each once: the reference, the evidence at each
restart, and a failure. They are stored with the evidence, so that the next controller continues
with the same ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.state.ledger import Ledger, Rollout
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference, enough, reference_of, reference_of_body
from rollout.verdict.evidence import Evidence, Tally, asked, from_body, merged
from rollout.verdict.report import JudgingInput
from rollout.verdict.signals.registry import threshold_kinds
from rollout.verdict.verdict import RESTARTS, Verdict

REFERENCE = "reference"
FAILED = "failed"
BY_THRESHOLDS = threshold_kinds()
"""Kinds that are read by thresholds of the reference, so they count from when it was frozen."""

Counted = tuple[str, int, Tally]
Levels = tuple[str, int, int, int]
Pair = tuple[int, int, int]
Marks = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class EvidenceSnapshot:
    """The evidence of one rollout, with what was frozen of it: marks, by name."""

    rollout: Rollout
    evidence: Evidence
    marks: Marks

    def case(self, weight: int, now: float) -> JudgingInput | None:
        """The input of a verdict; None where the rollout is not judged.

        weight: basis points of the candidate; now: epoch seconds.
        """
        if self.rollout.policy is None:
            return None

        reference = Reference()
        if REFERENCE in self.marks:
            reference = reference_of_body(self.marks[REFERENCE]["reference"])

        restarts = []
        for name in filter(self.marks.__contains__, restart_names()):
            restarts.append(self._counted(from_body(self.marks[name])))

        return JudgingInput(
            rollout=self.rollout,
            policy=self.rollout.policy,
            evidence=self._counted(self.evidence),
            marks=restarts,
            reference=reference,
            weight=weight,
            running_s=now - self.rollout.started_at,
        )

    def to_freeze(self, history: Tally) -> dict[str, dict[str, Any]]:
        """Marks whose time has come. history: what the stable version did before the rollout."""
        due: dict[str, dict[str, Any]] = {}
        if REFERENCE not in self.marks:
            reference = self._reference(history)
            if reference is not None:
                due[REFERENCE] = reference

        served = int(self.evidence.asked(self.rollout.candidate))
        for name, count in zip(restart_names(), RESTARTS, strict=True):
            if served >= count and name not in self.marks:
                due[name] = self.evidence.to_body()

        return due

    def served(self, weight: int) -> int:
        """Requests and copies that the candidate was asked at this weight."""
        tally = self.evidence.tallies.get((self.rollout.candidate, weight), {})
        return int(asked(tally))

    def _counted(self, evidence: Evidence) -> Evidence:
        """Without what was counted before the thresholds were frozen: counts that made a threshold
        cannot be judged by it.
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
        measured, unknown = reference_of(own), Reference()
        reference = replace(
            measured,
            errors=unknown.errors,
            refused=unknown.refused,
            loss=unknown.loss,
            noise=unknown.noise,
        )
        return {"reference": reference.to_body(), "since": self.evidence.to_body()}

    def _of_stable(self) -> Iterable[Counted]:
        for (version, _), tally in self.evidence.tallies.items():
            if version == self.rollout.stable:
                yield version, 0, tally


def evidence_snapshot(
    rollout: Rollout,
    counted: Iterable[Counted],
    labels: Iterable[Levels],
    marks: Marks,
    pairs: Iterable[Pair] = (),
) -> EvidenceSnapshot:
    """The snapshot of stored counts.

    counted: (version, weight, tally) a worker; labels: (version, weight, level, number of them);
    pairs: (level of the user's answer, level of the shadow's answer to the same request, number).
    """
    parts = list(counted)
    for version, weight, level, number in labels:
        parts.append((version, weight, {"labels": {str(level): number}}))

    for level, copied, number in pairs:
        parts.append((rollout.candidate, 0, {"paired": {str(copied - level): number}}))

    return EvidenceSnapshot(rollout, merged(rollout.candidate, rollout.stable, parts), marks)


def history_of(counted: Iterable[Counted], version: str) -> Tally:
    """All that a version did while nothing was rolled out."""
    parts: list[Counted] = []
    for name, _, tally in counted:
        if name == version:
            parts.append((name, ALL, tally))

    return merged(version, version, parts).tallies.get((version, ALL), {})


def latched(verdict: Verdict, marks: Marks) -> Verdict:
    """The verdict, or the failure that was frozen before: a failure stays one."""
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
