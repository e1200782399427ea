"""A ledger in which a rollout of the candidate has just begun."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.adversary.virtual_time import EPOCH
from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import Facts, start
from rollout.state.classes import Answers, ClassValue
from rollout.state.ledger import Ledger, Step, Version
from rollout.state.policy import VerdictConfig, policy
from rollout.state.split import all_to
from rollout.state.strategy import strategy
from rollout.state.version_state import State

CANDIDATE, STABLE = "v2", "v1"
HELD_S = 1e9
LADDER = (Step(100, 30.0), Step(500, 30.0), Step(2500, 30.0), Step(5000))


def held_at(weight: int) -> tuple[Step, ...]:
    """One step that is never left. weight: basis points."""
    return (Step(weight, HELD_S),)


@dataclass(frozen=True)
class AnswerKind:
    """What both versions answer, as in a manifest."""

    task: str = "classification"
    classes: tuple[ClassValue, ...] = (0, 1)
    output: str = "predict"

    @property
    def answers(self) -> Answers:
        """The same as the router reads it."""
        return Answers(self.task, self.classes, self.output == "predict_proba")


VALUES = AnswerKind("regression", ())


@dataclass(frozen=True)
class RolloutPlan:
    """How the candidate meets users."""

    steps: tuple[Step, ...]
    kind: AnswerKind = field(default_factory=AnswerKind)
    how: str = "canary"
    judging: VerdictConfig = field(default_factory=VerdictConfig)

    def begun(self) -> Ledger:
        """The ledger of its first revision."""
        facts = Facts(
            EPOCH,
            "benchmark",
            "digest",
            "onnx",
            f"{CANDIDATE}-1",
            CANDIDATE,
            answers_golden_rows=True,
        )
        row = strategy(self.how)
        weights = [step.weight for step in self.steps]
        judged = policy(self.judging, row, self.kind.answers, weights)
        actions = start(self._released(), facts, CANDIDATE, self.how, self.steps, policy=judged)
        return _recorded(actions)

    def _released(self) -> Ledger:
        ledger = Ledger("simulated", 3, split=all_to(STABLE, "salt"), released=STABLE)
        for name, state in ((STABLE, State.RELEASED), (CANDIDATE, State.DEPLOYED)):
            kind = (self.kind.task, self.kind.classes, self.kind.output)
            version = Version(name, state, name, f"{name}-1", "digest", "onnx", EPOCH, *kind)
            ledger = ledger.with_version(version)

        return ledger


def _recorded(actions: Sequence[object]) -> Ledger:
    """The ledger of the revision that these actions record."""
    for action in actions:
        if isinstance(action, RecordRevision):
            return action.ledger

    raise ValueError("nothing was begun")
