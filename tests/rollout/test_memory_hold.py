"""A candidate short of memory is held, never taken back for it; a person looks, and what was
accepted goes on.
"""

import pytest

from rollout.decide.actions import RecordRevision
from rollout.decide.reconcile import Observation, next_move
from rollout.state.ledger import Ledger, from_body
from rollout.state.strategy import STRATEGIES
from rollout.verdict.verdict import Verdict
from tests.rollout.ledger_commands import PLENTY, STARTED, ledger_after, verdict_of

TOLD = "v2: R14 x 3, v1: none"
COMMANDS = {
    "canary": "canary v2 --steps 5,50 --every 30 --auto",
    "shadow": "shadow v2 --percent 25 --auto",
    "ramp": "ramp v2 --steps 40,100 --every 20 --auto",
}
CANARY = ledger_after(COMMANDS["canary"], ledger=STARTED)
WAIT, PASS = verdict_of("undecided"), verdict_of("pass")


def tick(
    ledger: Ledger, verdict: Verdict | None = WAIT, now: float = 60.0, memory: str = TOLD
) -> RecordRevision | None:
    """What is done at one tick."""
    return next_move(ledger, Observation(now, verdict, PLENTY, memory=memory))


@pytest.mark.parametrize("how", STRATEGIES)
def test_whatever_the_strategy_it_is_held_and_the_counts_are_said(how: str) -> None:
    ledger = ledger_after(COMMANDS.get(how, f"{how} v2 --auto"), ledger=STARTED)
    record = tick(ledger)
    assert record is not None
    assert (record.act, record.summary) == ("hold", f"{how} of v2 on hold: memory ({TOLD})")
    assert record.undo == "python deploy.py resume"
    after = record.ledger
    assert after.running().held == ("memory",)
    assert after.split == ledger.split
    assert from_body(after.to_body(), after.revision) == after


def test_while_it_is_held_nothing_happens_and_evidence_still_takes_it_back() -> None:
    held = tick(CANARY)
    assert held is not None
    assert (
        tick(held.ledger)
        is tick(held.ledger, PASS, 80_000.0)
        is tick(held.ledger, memory="")
        is None
    )
    back = tick(held.ledger, verdict_of("fail", "errors"))
    assert back is not None
    assert back.act == "rollback"


def test_what_a_person_accepted_is_not_held_for_again() -> None:
    held = tick(CANARY)
    assert held is not None
    accepted = ledger_after("resume", ledger=held.ledger, now=1.0)
    assert accepted.running().accepted == ("memory",)
    step = tick(accepted)
    assert step is not None
    assert step.act == "step"


def test_it_is_held_beside_another_reason_and_without_any_verdict() -> None:
    both, alone = tick(CANARY, verdict_of("hold", "prediction")), tick(CANARY, None)
    assert both is not None
    assert alone is not None
    assert both.summary == f"canary of v2 on hold: prediction, memory ({TOLD})"
    assert both.ledger.running().held == ("prediction", "memory")
    assert alone.ledger.running().held == ("memory",)


def test_a_rollout_that_nobody_judges_is_left_alone() -> None:
    assert tick(ledger_after("canary v2", ledger=STARTED)) is None
