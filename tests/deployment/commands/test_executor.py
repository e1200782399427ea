"""Performs plans on a real record with a target that notes what it is asked."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployment.commands.executor import Performer
from deployment.workspace.errors import CannotStart, Interrupted
from deployment.workspace.ledger import make_record, opened_record, read_ledger
from rollout.decide import decisions
from rollout.decide.decisions import Facts
from rollout.state.ledger import Ledger
from store import Conflict, LedgerStore
from tests.deployment.project_harness import ProjectHarness

NOW = 1_780_000_000.25
FACTS = Facts(
    NOW,
    "ana@test",
    digest="d",
    runtime="onnx",
    program="v1-1",
    address="unix:/v1",
    answers_golden_rows=True,
)


@dataclass
class NotingTarget:
    """Does nothing, notes everything; `at` does something at one call."""

    asked: list[str] = field(default_factory=list)
    at: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def reserve(self, version: str) -> AbstractContextManager[None]:
        """Nobody else is here."""
        return nullcontext()

    def start(self, version: str, program: str) -> None:
        """Note it."""
        self._note(f"start {program}")

    def wait_ready(self, version: str, program: str) -> float:
        """Note it."""
        self._note(f"wait {program}")
        return 0.0

    def warm_up(self, version: str, program: str) -> None:
        """Note it."""
        self._note(f"warm {program}")

    def drain(self, address: str, revision: int) -> bool:
        """Note it."""
        self._note(f"drain {address} at {revision}")
        return True

    def stop(self, program: str) -> None:
        """Note it."""
        self._note(f"stop {program}")

    def _note(self, line: str) -> None:
        self.asked.append(line)
        self.at.get(line, lambda: None)()


def interrupt() -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


@pytest.fixture
def record(project: ProjectHarness) -> Iterator[LedgerStore]:
    """An empty record."""
    make_record(project.workspace())
    with opened_record(project.workspace()) as store:
        yield store


@pytest.fixture
def target() -> NotingTarget:
    """A target that notes."""
    return NotingTarget()


def perform(
    record: LedgerStore, target: NotingTarget, plan_of: Callable[[Ledger], Any]
) -> list[str]:
    """Perform a plan on the newest ledger; returns what was said."""
    said: list[str] = []
    before = read_ledger(record)
    with Performer(
        lambda: nullcontext(target), record, "ana@test", "why not", NOW, said.append
    ) as performer:
        performer.perform(plan_of(before), before)

    return said


def deployed(record: LedgerStore, target: NotingTarget) -> None:
    """v1 is deployed."""
    perform(record, target, lambda ledger: decisions.deploy(ledger, FACTS, "v1"))


def test_a_version_is_started_proven_and_warm_before_it_is_recorded(
    record: LedgerStore, target: NotingTarget
) -> None:
    target.at["warm v1-1"] = lambda: target.asked.append(f"recorded {record.revision()}")
    deployed(record, target)
    assert target.asked == ["start v1-1", "wait v1-1", "warm v1-1", "recorded 0"]
    entry = record.newest()
    assert entry is not None
    assert (entry.revision, entry.action, entry.actor, entry.reason) == (
        1,
        "deploy",
        "ana@test",
        "why not",
    )
    assert entry.at.timestamp() == NOW


def test_traffic_moves_before_the_old_process_is_drained_and_stopped(
    record: LedgerStore, target: NotingTarget
) -> None:
    deployed(record, target)
    perform(record, target, lambda ledger: decisions.promote(ledger, FACTS, "v1"))
    target.asked.clear()
    facts = Facts(NOW, "ana", "e", "onnx", "v2-3", "unix:/v2")
    perform(record, target, lambda ledger: decisions.release_in_place(ledger, facts, "v2"))
    steps = ["start v2-3", "wait v2-3", "warm v2-3", "drain unix:/v1 at 3", "stop v1-1"]
    assert target.asked == steps


@pytest.mark.parametrize("step", ["start v1-1", "wait v1-1", "warm v1-1"])
def test_a_version_that_fails_before_the_record_is_stopped_again(
    record: LedgerStore, target: NotingTarget, step: str
) -> None:
    def fail() -> None:
        raise CannotStart("it would not")

    target.at[step] = fail
    with pytest.raises(CannotStart):
        deployed(record, target)

    assert target.asked[-1] == "stop v1-1"
    assert record.revision() == 0


@pytest.mark.parametrize("step", ["start v1-1", "wait v1-1", "warm v1-1"])
def test_ctrl_c_before_the_record_leaves_nothing_and_says_so(
    record: LedgerStore, target: NotingTarget, step: str
) -> None:
    target.at[step] = interrupt
    with pytest.raises(
        Interrupted,
        match="nothing was recorded and no traffic moved; v1-1 was started and is stopped",
    ):
        deployed(record, target)

    assert target.asked[-1] == "stop v1-1"
    assert record.revision() == 0


def test_ctrl_c_after_the_record_takes_nothing_back_and_says_so(
    record: LedgerStore, target: NotingTarget
) -> None:
    deployed(record, target)
    perform(record, target, lambda ledger: decisions.promote(ledger, FACTS, "v1"))
    facts = Facts(NOW, "ana", "e", "onnx", "v2-3", "unix:/v2")
    target.at["drain unix:/v1 at 3"] = interrupt
    with pytest.raises(Interrupted, match="'release-in-place' is done"):
        perform(record, target, lambda ledger: decisions.release_in_place(ledger, facts, "v2"))

    assert "stop v2-3" not in target.asked
    assert read_ledger(record).released == "v2"


def test_a_loser_is_told_by_the_winner_and_what_it_started_is_stopped(
    record: LedgerStore, target: NotingTarget
) -> None:
    other = Facts(NOW, "ben@test", "e", "onnx", "v9-1", "unix:/v9")

    def ben_is_first() -> None:
        before = read_ledger(record)
        with Performer(
            lambda: nullcontext(NotingTarget()), record, "ben@test", "first", NOW, lambda line: None
        ) as performer:
            performer.perform(decisions.deploy(before, other, "v9"), before)

    target.at["warm v1-1"] = ben_is_first
    with pytest.raises(Conflict, match=r"ben@test was first: .*`deploy` \(first\) at 20"):
        deployed(record, target)

    assert target.asked[-1] == "stop v1-1"
    assert [entry.actor for entry in record.history()] == ["ben@test"]


def test_a_plan_decided_on_an_old_ledger_starts_nothing(
    record: LedgerStore, target: NotingTarget
) -> None:
    before = read_ledger(record)
    deployed(record, NotingTarget())
    with (
        pytest.raises(Conflict),
        Performer(
            lambda: nullcontext(target), record, "ben@test", "", NOW, lambda line: None
        ) as performer,
    ):
        performer.perform(decisions.deploy(before, FACTS, "v1"), before)

    assert target.asked == []
