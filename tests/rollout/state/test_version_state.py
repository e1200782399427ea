"""Every state with every event: what the table says, or a refusal that changes nothing."""

import pytest

from rollout.errors import IllegalEvent
from rollout.state.version_state import LIVE, TRANSITIONS, Event, State, after
from tests.rollout.ledger_commands import STARTED

# Written out here a second time, so that a slip in the table does not pass.
EXPECTED = """
            deploy    shadow     serve    release   withdraw  retire
delivered   deployed  .          .        .         .         .
deployed    deployed  shadowing  serving  released  .         retired
shadowing   .         shadowing  serving  released  deployed  .
serving     .         shadowing  serving  released  deployed  .
released    released  .          .        released  deployed  .
retired     deployed  .          .        .         .         .
"""

HEAD, *ROWS = [line.split() for line in EXPECTED.strip().splitlines()]
CASES = [
    (row[0], event, follower) for row in ROWS for event, follower in zip(HEAD, row[1:], strict=True)
]


def test_every_state_is_tried_with_every_event() -> None:
    assert len(CASES) == len(State) * len(Event)
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(("state", "event", "follower"), [case for case in CASES if case[2] != "."])
def test_an_allowed_event_leads_to_the_state_of_the_table(
    state: str, event: str, follower: str
) -> None:
    assert after(State(state), Event(event), "v2") is State(follower)


@pytest.mark.parametrize(("state", "event", "follower"), [case for case in CASES if case[2] == "."])
def test_an_event_that_is_not_in_the_table_is_refused_and_names_what_is_possible(
    state: str, event: str, follower: str
) -> None:
    possible = ", ".join(TRANSITIONS[State(state)])
    with pytest.raises(IllegalEvent) as refused:
        after(State(state), Event(event), "v2")

    assert (
        str(refused.value) == f"v2 is {state}: '{event}' is not possible now (possible: {possible})"
    )


def test_a_refused_event_leaves_the_ledger_as_it_was() -> None:
    before = STARTED.to_body()
    with pytest.raises(IllegalEvent):
        STARTED.with_event("v2", Event.WITHDRAW)
    assert STARTED.to_body() == before


def test_a_version_is_live_in_every_state_that_has_a_process() -> None:
    assert set(State) - LIVE == {State.DELIVERED, State.RETIRED}


def test_a_version_is_never_retired_while_users_or_shadows_reach_it() -> None:
    assert [state for state in State if Event.RETIRE in TRANSITIONS[state]] == [State.DEPLOYED]


def test_no_version_meets_traffic_that_was_not_deployed() -> None:
    for state in State:
        if state not in LIVE:
            assert set(TRANSITIONS[state]) == {Event.DEPLOY}
