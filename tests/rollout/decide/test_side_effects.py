"""Where predictions change something, no request is copied, and the coin alone is evidence."""

from dataclasses import replace

import pytest

from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import begin_queued, release_in_place, start
from rollout.errors import IllegalEvent
from rollout.state.ledger import Ledger
from rollout.state.policy import Policy, VerdictConfig, policy, policy_of
from rollout.state.segments import SegmentColumn
from rollout.state.split import ALL
from rollout.state.strategy import strategy
from tests.rollout.ledger_commands import STARTED, decide, facts

COPYING = ("shadow", "blue-green", "release-in-place")
DRAWING = ("canary", "ramp", "ab")


def with_side_effects(*names: str) -> Ledger:
    """v1 is released, v2 deployed; predictions of these change something."""
    ledger = STARTED
    for name in names:
        ledger = ledger.with_version(replace(ledger.version(name), side_effects=True))

    return ledger


def judged(how: str) -> Policy:
    """As deploy.toml's defaults judge it."""
    return policy(VerdictConfig(), strategy(how))


def begun(ledger: Ledger, how: str, auto: bool = True) -> Ledger:
    """The ledger after v2's rollout began."""
    rules = judged(how) if auto else None
    seen = replace(facts(ledger, "v2"), side_effects=ledger.version("v2").side_effects)
    if how == "release-in-place":
        plan = release_in_place(ledger, seen, "v2", rules)
    else:
        plan = start(ledger, seen, "v2", how, policy=rules)

    return next(action.ledger for action in plan if isinstance(action, RecordRevision))


@pytest.mark.parametrize("name", ["v1", "v2"])
@pytest.mark.parametrize("how", COPYING)
def test_what_compares_copies_alone_is_refused_with_the_reason(how: str, name: str) -> None:
    with pytest.raises(IllegalEvent, match=f"predictions of {name} have side effects") as refused:
        begun(with_side_effects(name), how)
    assert "canary VERSION --auto" in str(refused.value)


@pytest.mark.parametrize("name", ["v1", "v2"])
@pytest.mark.parametrize("how", DRAWING)
def test_what_draws_is_judged_without_the_signals_that_need_copies(how: str, name: str) -> None:
    rules = begun(with_side_effects(name), how).running().policy
    assert rules is not None
    names = [rule.name for rule in rules.rules]
    assert not {"pairs", "tails", "latency"} & set(names)
    assert {"errors", "refusals", "prediction"} <= set(names)
    because = f"predictions of {name} have side effects"
    assert rules.no_copies == because
    assert dict(rules.unjudged)["latency"] == f"{because}, so no request is copied"
    assert policy_of(rules.to_body()) == rules


def test_nobody_judges_a_switch_by_hand_so_it_copies_nothing() -> None:
    assert begun(with_side_effects("v1", "v2"), "blue-green", auto=False).released == "v2"
    assert begun(with_side_effects("v1", "v2"), "release-in-place", auto=False).released == "v2"


def test_a_shadow_by_hand_copies_to_the_candidate_alone() -> None:
    assert begun(with_side_effects("v1"), "shadow", auto=False).split is not None
    with pytest.raises(IllegalEvent, match="predictions of v2 have side effects, and a shadow"):
        begun(with_side_effects("v2"), "shadow", auto=False)


def test_without_side_effects_nothing_is_left_out() -> None:
    rules = begun(STARTED, "canary").running().policy
    assert rules == judged("canary")


def test_the_ledger_keeps_what_the_bundle_said() -> None:
    column = SegmentColumn("airline", ("AA", "UA"))
    seen = replace(facts(STARTED, "v9"), side_effects=True, segments=(column,))
    plan = decide(STARTED, "deploy v9", seen=seen)
    record = next(action for action in plan if isinstance(action, RecordRevision))
    version = record.ledger.version("v9")
    assert (version.side_effects, version.segments) == (True, (column,))


def test_a_queued_switch_whose_turn_comes_beside_side_effects_is_dropped() -> None:
    ledger = with_side_effects("v1")
    queued = begun(STARTED, "blue-green").running()
    record = begin_queued(replace(ledger, queued=queued), 5.0)
    assert record is not None
    assert record.ledger.queued is None
    assert (record.ledger.rollout, record.ledger.weight("v1")) == (None, ALL)
    assert "side effects" in record.summary
