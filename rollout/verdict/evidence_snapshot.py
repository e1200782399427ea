"""What a rollout is judged on: the counts as they are stored, and what was frozen of them.

Four things are frozen while a rollout runs, each once: the reference, the loss that bets on labels
are centred at where the reference has none, the evidence at each restart, and a failure. They are
stored with the evidence, so that the next controller continues with the same ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.state.ledger import Ledger, Rollout
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference, enough, loss_of, reference_of, reference_of_body
from rollout.verdict.evidence import Evidence, Tally, asked, from_body, merged, summed
from rollout.verdict.report import JudgingInput
from rollout.verdict.signals.registry import threshold_kinds
from rollout.verdict.verdict import RESTARTS, Verdict

REFERENCE = "reference"
LOSS = "loss"
"""The mean loss of the rollout's own first labels, both versions' together."""
FAILED = "failed"
BY_THRESHOLDS = threshold_kinds()
"""Kinds that are read by thresholds of the reference, so they count from when it was frozen."""

Counted = tuple[str, int, Tally]
Levels = tuple[str, int, int, int]
Pair = tuple[int, int, int]
"""Loss of the candidate's answer and of the stable version's, to the same request, and how often,
in sixteenths.
"""
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

        restarts = []
        for name in filter(self.marks.__contains__, restart_names()):
            restarts.append(self._counted(from_body(self.marks[name])))

        return JudgingInput(
            rollout=self.rollout,
            policy=self.rollout.policy,
            evidence=self._counted(self.evidence),
            marks=restarts,
            reference=self._frozen_reference(),
            weight=weight,
            running_s=now - self.rollout.started_at,
        )

    @property
    def lacks_loss(self) -> bool:
        """Whether the first labels have to tell the loss that bets on labels are centred at: none
        is known, and enough labels came.
        """
        if LOSS in self.marks or _has_loss(self.marks):
            return False
        return loss_of(summed(self._drawn_labels())) is not None

    def to_freeze(self, history: Tally, first: Iterable[Levels] = ()) -> dict[str, dict[str, Any]]:
        """Marks whose time has come.

        history: what the stable version did before the rollout; first: the rollout's first labels
        of drawn requests where it `lacks_loss`: (version, weight, level, number)."""
        due: dict[str, dict[str, Any]] = {}
        if REFERENCE not in self.marks:
            reference = self._reference(history)
            if reference is not None:
                due[REFERENCE] = reference

        if self.lacks_loss and not _has_loss(due):
            due.update(self._own_loss(first))

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
        """Without what was counted before the thresholds, or the labels' centre, were frozen:
        counts that made a threshold cannot be judged by it.
        """
        for name, kinds in ((REFERENCE, BY_THRESHOLDS), (LOSS, ("labels",))):
            began = self.marks.get(name, {}).get("since")
            if began is not None:
                evidence = evidence.since(from_body(began), kinds)

        return evidence

    def _frozen_reference(self) -> Reference:
        reference = Reference()
        if REFERENCE in self.marks:
            reference = reference_of_body(self.marks[REFERENCE]["reference"])

        if LOSS in self.marks:
            return replace(reference, loss=self.marks[LOSS]["loss"])
        return reference

    def _own_loss(self, first: Iterable[Levels]) -> dict[str, dict[str, Any]]:
        """The centre of bets on labels where the history has none. It is made of labels that nobody
        bets on, and of both versions' together, so that it says nothing about which is worse.
        """
        labels = list(_counted_labels(first))
        loss = loss_of(summed(tally["labels"] for _, _, tally in labels))
        if loss is None:
            return {}

        made_of = merged(self.rollout.candidate, self.rollout.stable, labels)
        return {LOSS: {"loss": loss, "since": made_of.to_body()}}

    def _reference(self, history: Tally) -> dict[str, Any] | None:
        if enough(history):
            return {"reference": reference_of(history).to_body(), "since": None}

        own = merged("", "", self._of_stable()).tallies.get((self.rollout.stable, 0), {})
        if not enough(own):
            return None

        # Rates that bets are on already keep the centre they began with. No bet is on labels before
        # their loss is known, and that of the history is not made of the rollout's own.
        measured, unknown = reference_of(own), Reference()
        reference = replace(
            measured,
            errors=unknown.errors,
            refused=unknown.refused,
            loss=loss_of(history.get("labels", {})),
            noise=unknown.noise,
        )
        return {"reference": reference.to_body(), "since": self.evidence.to_body()}

    def _drawn_labels(self) -> Iterable[Mapping[str, int]]:
        for (_, weight), tally in self.evidence.tallies.items():
            if 0 < weight < ALL:
                yield tally.get("labels", {})

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
    pairs: (level of the candidate's answer, level of the stable version's to the same request,
    number).
    """
    parts = [*counted, *_counted_labels(labels)]
    for candidate_level, stable_level, number in pairs:
        difference = str(candidate_level - stable_level)
        parts.append((rollout.candidate, 0, {"paired": {difference: number}}))

    return EvidenceSnapshot(rollout, merged(rollout.candidate, rollout.stable, parts), marks)


def _counted_labels(labels: Iterable[Levels]) -> Iterable[Counted]:
    for version, weight, level, number in labels:
        yield version, weight, {"labels": {str(level): number}}


def _has_loss(marks: Marks) -> bool:
    """Whether the loss of the history's labels is frozen, or the one that a rollout of before began
    to bet with.
    """
    return "loss" in marks.get(REFERENCE, {}).get("reference", {})


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
