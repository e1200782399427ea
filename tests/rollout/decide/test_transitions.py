"""What each move of traffic does to a ledger; that it is allowed is plan.py's to say."""

from collections.abc import Callable

import pytest
from hypothesis import given

from rollout.decide import transitions
from rollout.errors import BadWeight, IllegalEvent, NothingToDo
from rollout.state.ledger import Ledger
from rollout.state.split import ALL
from rollout.state.version_state import State
from tests.rollout.ledger_commands import STARTED, ledger_after, ledgers, quick

CANARY = ledger_after("canary v2 --steps 5,50", ledger=STARTED)
SHADOW = ledger_after("shadow v2 --percent 25", ledger=STARTED)
SECOND = ledger_after("promote v2", "promote v3", ledger=STARTED)
"""v3 is released; the way back is v2, then v1."""


def states(ledger: Ledger) -> list[str]:
    """The versions' states, in order."""
    return [str(version.state) for version in ledger.versions.values()]


def shadows(ledger: Ledger) -> tuple[tuple[str, int], ...]:
    """Who gets copies."""
    return ledger.split.shadows if ledger.split else ()


def test_to_calm_a_ledger_takes_every_candidate_back_to_deployed() -> None:
    assert states(CANARY) == ["released", "serving", "deployed"]
    for busy in (CANARY, SHADOW):
        calm = transitions.calmed(busy)
        assert (states(calm), calm.rollout) == (["released", "deployed", "deployed"], None)


@quick
@given(ledgers())
def test_a_calm_ledger_is_not_changed_by_calming(ledger: Ledger) -> None:
    calm = transitions.calmed(ledger)
    assert calm.rollout is None
    assert not {State.SHADOWING, State.SERVING} & {
        version.state for version in calm.versions.values()
    }
    assert transitions.calmed(calm) == calm


def test_a_release_gives_a_version_everybody_and_keeps_the_one_before_as_the_rollback_target() -> (
    None
):
    released = transitions.released(CANARY, "v2")
    assert (released.weight("v2"), released.released, released.rollout) == (ALL, "v2", None)
    assert (released.released_before, states(released)) == (
        ("v1",),
        ["deployed", "released", "deployed"],
    )


def test_the_first_release_has_no_rollback_target() -> None:
    first = transitions.released(ledger_after("deploy v1"), "v1")
    assert (first.released, first.released_before, first.weight("v1")) == ("v1", (), ALL)
    assert first.split is not None
    assert first.split.salt == "flights:v1"


def test_a_release_ends_the_copies_to_a_shadow() -> None:
    assert shadows(SHADOW) == (("v2", 2500),)
    assert shadows(transitions.released(SHADOW, "v2")) == ()


def test_no_version_is_twice_among_the_ways_back_nor_is_the_released_one() -> None:
    assert SECOND.released_before == ("v1", "v2")
    again = transitions.released(SECOND, "v1")
    assert (again.released, again.released_before) == ("v1", ("v2", "v3"))
    assert transitions.released(again, "v1") == again


def test_to_go_back_takes_the_target_from_the_ways_back_and_does_not_add_the_failed_one() -> None:
    once = transitions.rolled_back(SECOND, "v2")
    twice = transitions.rolled_back(once, "v1")
    assert (once.released, once.released_before, once.weight("v2")) == ("v2", ("v1",), ALL)
    assert (twice.released, twice.released_before, twice.weight("v1")) == ("v1", (), ALL)
    assert states(twice) == ["released", "deployed", "deployed"]


def test_the_end_of_a_rollout_gives_all_traffic_to_its_stable_version() -> None:
    ended = transitions.ended(CANARY, CANARY.running())
    assert (ended.weight("v1"), ended.released, ended.rollout) == (ALL, "v1", None)
    assert (states(ended), ended.released_before) == (["released", "deployed", "deployed"], ())


def test_a_rollout_begins_under_its_own_salt_and_without_traffic() -> None:
    begun = transitions.begun(STARTED, CANARY.running())
    assert begun.split is not None
    assert (begun.split.salt, begun.split.weights()) == ("flights:canary:v2:5", {"v1": ALL})
    assert begun.rollout is CANARY.rollout


def test_a_shadow_gets_copies_and_no_user() -> None:
    assert (SHADOW.weight("v1"), SHADOW.weight("v2"), shadows(SHADOW)) == (ALL, 0, (("v2", 2500),))
    assert SHADOW.version("v2").state is State.SHADOWING


@pytest.mark.parametrize("share", [0, -1, ALL + 1])
def test_a_shadow_without_a_share_is_refused(share: int) -> None:
    with pytest.raises(BadWeight):
        transitions.shadowed(STARTED, "v2", share)


def test_the_candidate_has_the_weight_of_its_step() -> None:
    assert (CANARY.weight("v1"), CANARY.weight("v2")) == (9500, 500)
    further = transitions.stepped(CANARY, 60.0)
    assert (further.weight("v2"), further.running().step, further.running().step_since) == (
        5000,
        1,
        60.0,
    )
    assert further.split is not None
    assert CANARY.split is not None
    assert further.split.salt == CANARY.split.salt


def test_the_step_past_the_last_is_a_release() -> None:
    last = transitions.stepped(CANARY, 60.0)
    assert transitions.stepped(last, 90.0) == transitions.released(last, "v2")


def test_all_traffic_as_the_last_step_is_a_release() -> None:
    nearly = ledger_after("ramp v2 --steps 40,100", ledger=STARTED)
    assert transitions.stepped(nearly, 60.0).released == "v2"


def test_a_step_starts_its_own_clock() -> None:
    held = ledger_after("pause", ledger=CANARY, now=20.0)
    further = transitions.stepped(held, 60.0).running()
    assert (further.paused, further.held_s, further.step_since) == (False, 0.0, 60.0)


@pytest.mark.parametrize(
    "move", [transitions.weighed, lambda ledger: transitions.stepped(ledger, 0.0)]
)
def test_without_a_rollout_no_step_can_be_taken(move: Callable[[Ledger], Ledger]) -> None:
    with pytest.raises(NothingToDo, match="no rollout is in progress"):
        move(STARTED)


def test_a_version_without_a_process_never_gets_traffic() -> None:
    gone = ledger_after("retire v3", ledger=STARTED)
    for move in (
        transitions.released,
        transitions.rolled_back,
        lambda ledger, name: transitions.shadowed(ledger, name, 100),
    ):
        with pytest.raises(IllegalEvent, match="v3 is retired"):
            move(gone, "v3")
