"""A hotfix in the middle of a rollout that runs by itself, where the plan says that it waits."""

import pytest

from rollout.decide import decisions
from rollout.errors import RolloutInProgress
from rollout.state.ledger import Ledger, Step, from_body
from rollout.state.policy import VerdictConfig, policy
from rollout.state.strategy import STRATEGIES
from tests.rollout.ledger_commands import STARTED, facts, ledger_after, recorded

QUEUE = policy(VerdictConfig(on_conflict="queue"), STRATEGIES["canary"])
STEPS = (Step(100, 1.0), Step(5000))


def begin(ledger: Ledger, name: str) -> Ledger:
    decided = decisions.start(ledger, facts(ledger, name), name, "canary", STEPS, policy=QUEUE)
    return recorded(decided, ledger)


WAITING = begin(begin(STARTED, "v2"), "v3")


def test_a_second_rollout_waits_and_moves_no_traffic() -> None:
    before = begin(STARTED, "v2")
    assert WAITING.rollout == before.rollout
    assert WAITING.split == before.split
    assert WAITING.queued is not None
    assert WAITING.queued.candidate == "v3"
    assert from_body(WAITING.to_body(), WAITING.revision) == WAITING


def test_nothing_begins_while_the_first_one_goes_on() -> None:
    assert decisions.begin_queued(WAITING, 5.0) is None


@pytest.mark.parametrize(
    ("end", "stable"), [("abort", "v1"), ("rollback", "v1"), ("promote v2", "v2")]
)
def test_it_begins_against_whoever_is_released_then(end: str, stable: str) -> None:
    free = ledger_after(end, ledger=WAITING)
    record = decisions.begin_queued(free, 9.0)
    assert record is not None
    begun = record.ledger
    assert begun.rollout is not None
    assert (begun.rollout.candidate, begun.rollout.stable) == ("v3", stable)
    assert begun.weight("v3") == 100
    assert begun.queued is None
    assert begun.rollback_target() == stable
    assert begun.rollout.number == begun.revision


def test_one_that_is_released_or_retired_meanwhile_is_dropped() -> None:
    for commands in (("abort", "promote v3"), ("abort", "retire v3")):
        record = decisions.begin_queued(ledger_after(*commands, ledger=WAITING), 9.0)
        assert record is not None
        assert record.ledger.queued is None
        assert record.ledger.rollout is None


def test_abort_without_a_rollout_takes_it_from_the_queue() -> None:
    assert ledger_after("abort", "abort", ledger=WAITING).queued is None


def test_only_one_waits() -> None:
    ledger = ledger_after("deploy v4", ledger=WAITING)
    with pytest.raises(RolloutInProgress, match="waits already"):
        begin(ledger, "v4")
