"""What the controller does: steps on silence, a release on proof, back on evidence at any time, and
nothing twice.
"""

from dataclasses import replace
from typing import Any

import pytest

from rollout.decide import decisions
from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import COMMAND
from rollout.decide.reconcile import SILENCE, Observation, flagged, next_move
from rollout.errors import BadWeight, NothingToDo, RolloutInProgress
from rollout.state.ledger import Ledger, from_body
from rollout.state.policy import VerdictConfig
from rollout.state.split import ALL
from rollout.state.strategy import STRATEGIES
from rollout.state.version_state import State
from rollout.verdict.verdict import Verdict
from tests.rollout.ledger_commands import (
    PLENTY,
    STARTED,
    decide,
    facts,
    ledger_after,
    outline,
    recorded,
    verdict_of,
)

BEGUN = {
    "shadow": ledger_after("shadow v2 --percent 25 --auto", ledger=STARTED),
    "canary": ledger_after("canary v2 --steps 5,50 --every 30 --auto", ledger=STARTED),
    "blue-green": ledger_after("blue-green v2 --auto", ledger=STARTED),
    "ramp": ledger_after("ramp v2 --steps 40,100 --every 20 --auto", ledger=STARTED),
    "ab": ledger_after("ab v2 --auto", ledger=STARTED),
    "release-in-place": ledger_after("release-in-place v2 --auto", ledger=STARTED),
}
UNDO = {
    "shadow": "shadow v2 --percent 25",
    "canary": "canary v2 --steps 5,50 --every 30s",
    "ramp": "ramp v2 --over 40s --steps 2",
}
CANARY = BEGUN["canary"]
LAST = ledger_after("promote v2 --step", ledger=CANARY, now=30.0)
"""The canary at its last step."""
PASS, FAIL, WAIT = (
    verdict_of("pass", "errors"),
    verdict_of("fail", "errors"),
    verdict_of("undecided", "errors"),
)
SHIFT = verdict_of("hold", "prediction")
LATE = 86_400.0
EACH = pytest.mark.parametrize("how", STRATEGIES)


def tick(
    ledger: Ledger, verdict: Verdict | None, now: float = 1_000.0, served: int = PLENTY
) -> RecordRevision | None:
    """What is done at one tick; a record is the next revision, keeps its account, and can be
    stored.
    """
    record = next_move(
        ledger,
        Observation(now, verdict, served, lambda: {"word": verdict.word if verdict else None}),
    )
    if record is not None:
        after = record.ledger
        assert after.revision == ledger.revision + 1
        assert after.verdict == {"word": verdict.word if verdict else None}
        assert from_body(after.to_body(), after.revision) == after
        assert record.undo.startswith(f"{COMMAND} ")

    return record


def done(ledger: Ledger, verdict: Verdict | None, now: float = 1_000.0) -> Ledger:
    """The ledger after a tick at which something is done."""
    record = tick(ledger, verdict, now)
    assert record is not None
    return record.ledger


def standing(ledger: Ledger) -> tuple[dict[str, int], str | None, bool]:
    """Who answers, who is released, and whether a rollout is in progress."""
    assert ledger.split is not None
    return ledger.split.weights(), ledger.released, ledger.rollout is not None


BACK = ({"v1": ALL}, "v1", False)
RELEASED = ({"v2": ALL}, "v2", False)


# Back, at any time.


@EACH
@pytest.mark.parametrize(
    "before", ["", "pause", "tick hold prediction", "tick hold prediction, resume", "late"]
)
def test_evidence_against_it_goes_back_at_once_whatever_it_waits_for(how: str, before: str) -> None:
    commands = before.split(", ") if before not in ("", "late") else []
    ledger = ledger_after(*commands, ledger=BEGUN[how])
    record = tick(ledger, FAIL, LATE if before == "late" else 0.0, served=0)
    assert record is not None
    assert standing(record.ledger) == BACK
    assert record.ledger.version("v2").state is State.DEPLOYED
    assert record.ledger.split is not None
    assert record.ledger.split.shadows == ()
    assert (record.act, record.undo) == (
        "rollback",
        f"{COMMAND} {UNDO.get(how, f'{how} v2')} --auto",
    )


@pytest.mark.parametrize(
    ("how", "was"), [("canary", "5 %"), ("shadow", "0 %"), ("blue-green", "all traffic")]
)
def test_going_back_names_where_to_and_why(how: str, was: str) -> None:
    record = tick(BEGUN[how], verdict_of("fail", "errors", "latency"))
    assert record is not None
    assert record.summary == f"from v2 ({was}) to v1: errors, latency"


@EACH
def test_after_it_went_back_there_is_nothing_to_do(how: str) -> None:
    back = done(BEGUN[how], FAIL)
    assert [tick(back, verdict, LATE) for verdict in (FAIL, PASS, None)] == [None] * 3


@pytest.mark.parametrize("command", ["canary v2", "ramp v2 --steps 40,100 --every 20", "shadow v2"])
def test_a_rollout_that_is_not_judged_is_left_to_the_clock_and_the_operator(command: str) -> None:
    assert tick(ledger_after(command, ledger=STARTED), FAIL) is None
    assert tick(STARTED, FAIL) is None


# Forward.


def test_a_canary_steps_on_silence_and_is_released_on_proof_at_its_last_step() -> None:
    second = tick(CANARY, WAIT, 30.0)
    assert second is not None
    assert (second.act, second.summary, second.ledger.weight("v2")) == (
        "step",
        "v2 answers 50 %",
        5_000,
    )
    assert tick(second.ledger, WAIT, 80_000.0) is None
    assert tick(second.ledger, PASS, 59.9) is None, "the last step has the time of the others too"
    assert tick(second.ledger, PASS, 60.0, served=299) is None
    last = tick(second.ledger, PASS, 60.0)
    assert last is not None
    assert (last.act, last.summary, last.undo) == (
        "promote",
        "v2 released: proved",
        f"{COMMAND} rollback",
    )
    assert standing(last.ledger) == RELEASED
    assert last.ledger.rollback_target() == "v1"
    assert tick(last.ledger, PASS, 61.0) is None


@pytest.mark.parametrize(
    ("verdict", "now", "served"),
    [
        (WAIT, 29.9, PLENTY),
        (WAIT, 30.0, 299),
        (verdict_of("undecided", against=SILENCE), 30.0, PLENTY),
        (None, 30.0, PLENTY),
    ],
    ids=["too early", "too few", "not silent", "not judged"],
)
def test_a_canary_takes_no_step_before_time_requests_and_silence(
    verdict: Any, now: float, served: int
) -> None:
    assert tick(CANARY, verdict, now, served) is None
    assert tick(CANARY, WAIT, 30.0, 300) is not None


def test_a_proof_before_the_last_step_is_a_step_and_no_release() -> None:
    assert standing(done(CANARY, PASS, 30.0)) == ({"v1": 5_000, "v2": 5_000}, "v1", True)


@pytest.mark.parametrize("rollout", [CANARY, LAST])
def test_a_candidate_that_was_away_just_now_is_neither_stepped_nor_released(rollout: Any) -> None:
    seen = Observation(80_000.0, PASS, 300)
    assert next_move(rollout, seen) is not None
    assert next_move(rollout, replace(seen, was_away=True)) is None


@pytest.mark.parametrize("verdict", [WAIT, None, verdict_of("undecided")])
def test_at_the_last_step_silence_is_no_proof(verdict: Any) -> None:
    assert tick(LAST, verdict, 80_000.0) is None


@pytest.mark.parametrize("percents", ["5,100", "100"])
def test_a_canary_that_is_judged_cannot_step_to_all_traffic_without_proof(percents: str) -> None:
    with pytest.raises(
        BadWeight, match=r"a canary that runs by itself is released on proof: .* end below 100 %"
    ):
        decide(STARTED, f"canary v2 --steps {percents} --auto")


def test_a_pause_keeps_the_time_a_canary_had_at_its_step() -> None:
    paused = ledger_after("pause", ledger=CANARY, now=20.0)
    assert tick(paused, PASS, 1_000.0) is None
    going = ledger_after("resume", ledger=paused, now=100.0)
    assert tick(going, WAIT, 109.9) is None
    assert done(going, WAIT, 110.0).weight("v2") == 5_000


def test_a_ramp_follows_the_clock_to_its_release() -> None:
    ramp = BEGUN["ramp"]
    assert decisions.advance(ramp, 1_000.0) is None
    assert tick(ramp, WAIT, 19.9) is None
    for verdict in (WAIT, PASS, None):
        assert standing(done(ramp, verdict, 20.0)) == RELEASED


@pytest.mark.parametrize("verdict", [PASS, WAIT, None])
def test_an_ab_is_left_to_a_person(verdict: Any) -> None:
    assert tick(BEGUN["ab"], verdict, 100 * LATE) is None


def test_a_shadow_ends_with_its_proof_and_no_user_has_met_it() -> None:
    shadow = BEGUN["shadow"]
    assert tick(shadow, WAIT, 80_000.0) is None
    record = tick(shadow, PASS, 0.0)
    assert record is not None
    assert (record.act, record.undo) == ("end", f"{COMMAND} shadow v2")
    assert record.summary == "v2 agrees with v1: the shadow is over, no user has met it"
    assert standing(record.ledger) == BACK


@pytest.mark.parametrize("how", ["blue-green", "release-in-place"])
def test_a_switch_of_all_traffic_is_watched_and_released_on_proof(how: str) -> None:
    watched = BEGUN[how]
    assert standing(watched) == ({"v2": ALL}, "v1", True)
    assert watched.split is not None
    assert watched.split.shadows == (("v1", ALL),)
    assert watched.rollback_target() == "v1"
    assert tick(watched, PASS, 119.9) is None
    assert tick(watched, WAIT, 80_000.0) is None
    assert standing(done(watched, PASS, 120.0)) == RELEASED


def test_a_watched_release_in_place_leaves_the_old_process_and_replaces_an_earlier_one() -> None:
    new = ["Start v2-6", "WaitReady v2-6", "WarmUp v2-6", "RecordRevision release-in-place"]
    assert outline(decide(STARTED, "release-in-place v2 --auto"))[:3] == [
        "Start v2-5",
        "WaitReady v2-5",
        "WarmUp v2-5",
    ]
    by_hand = ledger_after("canary v2", ledger=STARTED)
    decided = decide(by_hand, "release-in-place v2 --auto")
    assert outline(decided) == [*new, "DrainVersion v2-3", "Stop v2-3"]
    assert recorded(decided, by_hand).version("v1").program == "v1-1"
    back = done(recorded(decided, by_hand), FAIL)
    assert (back.version("v1").program, standing(back)) == ("v1-1", BACK)


def test_there_is_nothing_to_judge_a_first_release_in_place_against() -> None:
    with pytest.raises(NothingToDo, match="no version is released yet"):
        decide(ledger_after("deploy v1"), "release-in-place v1 --auto")


# Holds.


@EACH
@pytest.mark.parametrize("word", ["hold", "invalid"])
def test_what_a_person_should_see_is_held_once_and_goes_on_when_it_is_accepted(
    how: str, word: str
) -> None:
    seen = verdict_of(word, "prediction")
    record = tick(BEGUN[how], seen)
    assert record is not None
    assert (record.act, record.summary) == ("hold", f"{how} of v2 on hold: prediction")
    assert record.undo == f"{COMMAND} resume"
    held = record.ledger
    assert standing(held) == standing(BEGUN[how])
    assert [tick(held, verdict, 80_000.0) for verdict in (seen, PASS, WAIT)] == [None] * 3
    accepted = ledger_after("resume", ledger=held)
    assert (accepted.running().held, accepted.running().accepted) == ((), ("prediction",))
    again = tick(accepted, seen, 0.0)
    assert again is None or again.act != "hold"


def test_a_new_reason_is_held_although_another_one_was_accepted() -> None:
    accepted = ledger_after("tick hold prediction", "resume", ledger=CANARY)
    both = verdict_of("invalid", "sample ratio", "prediction")
    assert done(accepted, both).running().held == ("sample ratio",)


def test_a_second_reason_joins_the_first() -> None:
    held = ledger_after("tick hold prediction", ledger=CANARY)
    assert done(held, verdict_of("hold", "prediction", "labels")).running().held == (
        "prediction",
        "labels",
    )


def test_what_was_accepted_stands_in_the_way_of_no_step_and_of_no_release_that_is_proved() -> None:
    accepted = ledger_after("tick hold prediction", "resume", ledger=CANARY, now=1.0)
    further = done(accepted, SHIFT, 60.0)
    assert further.weight("v2") == 5_000
    assert tick(further, SHIFT, 95.0) is None
    proved = verdict_of("hold", "prediction", proved=True)
    assert standing(done(further, proved, 95.0)) == RELEASED


@pytest.mark.parametrize("how", ["shadow", "blue-green", "release-in-place"])
def test_what_was_accepted_is_no_proof(how: str) -> None:
    accepted = ledger_after("tick hold prediction", "resume", ledger=BEGUN[how])
    assert tick(accepted, SHIFT, 80_000.0) is None
    assert tick(accepted, verdict_of("hold", "prediction", proved=True), 80_000.0) is not None


# The deadline.


@pytest.mark.parametrize("how", ["shadow", "canary", "blue-green", "release-in-place"])
def test_what_is_undecided_at_its_deadline_is_held_once(how: str) -> None:
    ledger = LAST if how == "canary" else BEGUN[how]
    assert tick(ledger, WAIT, LATE - 0.1) is None
    record = tick(ledger, WAIT, LATE)
    assert record is not None
    assert record.summary == f"{how} of v2 on hold: deadline"
    assert tick(record.ledger, WAIT, LATE + 1) is None
    on = ledger_after("resume", ledger=record.ledger, now=LATE + 2)
    assert tick(on, WAIT, 2 * LATE) is None
    assert standing(done(on, PASS, 2 * LATE)) in (BACK if how == "shadow" else RELEASED, RELEASED)


@pytest.mark.parametrize("before", [(), ("tick hold prediction",)], ids=["going", "held"])
def test_what_is_undecided_at_its_deadline_goes_back_where_its_plan_says_so(
    before: tuple[str, ...],
) -> None:
    judging = VerdictConfig(undecided="rollback")
    ledger = ledger_after("canary v2 --steps 5,50 --auto", *before, ledger=STARTED, judging=judging)
    record = tick(ledger, WAIT, LATE)
    assert record is not None
    assert (record.act, standing(record.ledger)) == ("rollback", BACK)
    assert record.summary == "from v2 (5 %) to v1: undecided at its deadline"


def test_a_person_who_paused_it_is_waited_for_beyond_the_deadline() -> None:
    assert tick(ledger_after("pause", ledger=LAST), WAIT, 10 * LATE) is None


# A hotfix.

YIELDING = VerdictConfig(on_conflict="supersede")
HOTFIXES = ("canary v3 --auto", "blue-green v3", "promote v3", "release-in-place v3", "shadow v3")


@pytest.mark.parametrize("how", ["canary", "shadow", "blue-green", "ramp"])
@pytest.mark.parametrize("command", HOTFIXES)
def test_a_hotfix_ends_a_rollout_that_gives_way_and_is_refused_by_one_that_does_not(
    how: str, command: str
) -> None:
    steps = " --steps 40,100 --every 20" if how == "ramp" else ""
    giving = ledger_after(f"{how} v2{steps} --auto", ledger=STARTED, judging=YIELDING)
    after = ledger_after(command, ledger=giving)
    assert (after.weight("v2"), after.version("v2").state) == (0, State.DEPLOYED)
    assert after.rollout is None or after.rollout.candidate == "v3"
    with pytest.raises(RolloutInProgress, match=f"a {how} of v2 is in progress"):
        decide(BEGUN[how], command)


def test_even_where_it_gives_way_its_steps_are_its_own() -> None:
    giving = ledger_after("canary v2 --auto", ledger=STARTED, judging=YIELDING)
    with pytest.raises(RolloutInProgress, match="a canary of v2"):
        decisions.promote_step(giving, facts(giving, "v3"), "v3")


def test_a_rollout_by_hand_gives_way_to_nobody() -> None:
    with pytest.raises(RolloutInProgress):
        decide(ledger_after("canary v2", ledger=STARTED), "canary v3 --auto", judging=YIELDING)


# Late labels.


def test_late_labels_are_said_once_and_left_to_a_person() -> None:
    released = done(LAST, PASS)
    record = flagged(released, "late labels speak against it", {"word": "undecided"})
    assert (record.act, record.summary) == ("flag", "v2: late labels speak against it")
    assert record.undo == f"{COMMAND} rollback"
    assert standing(record.ledger) == RELEASED
    assert (record.ledger.flagged, record.ledger.revision) == (True, released.revision + 1)
    assert record.ledger.verdict == {"word": "undecided"}
    back = recorded(decisions.rollback(record.ledger, facts(record.ledger, "v1")), record.ledger)
    assert (back.flagged, back.last, standing(back)) == (False, None, BACK)


# Every tick.


@EACH
def test_a_tick_that_repeats_does_nothing_twice(how: str) -> None:
    for verdict in (PASS, WAIT, SHIFT, FAIL):
        first = tick(BEGUN[how], verdict, 120.0)
        if first is None:
            continue
        second = tick(first.ledger, verdict, 120.0)
        # A proof that is there when the last step begins is one at the last step.
        assert second is None or (how, first.act, second.act) == ("canary", "step", "promote")


def test_a_step_is_taken_once_and_the_next_one_has_its_own_time_and_requests() -> None:
    ledger = ledger_after("canary v2 --steps 1,5,50 --every 30 --auto", ledger=STARTED)
    second = done(ledger, WAIT, 1_000.0)
    assert (second.weight("v2"), second.running().step_since) == (500, 1_000.0)
    assert tick(second, WAIT, 1_029.9) is None
    assert tick(second, WAIT, 1_030.0, served=0) is None
    assert done(second, WAIT, 1_030.0).weight("v2") == 5_000


def test_without_an_account_a_record_keeps_none() -> None:
    record = next_move(CANARY, Observation(0.0, FAIL, 0))
    assert record is not None
    assert record.ledger.verdict is None
    assert replace(record.ledger, revision=0).rollout is None


def test_a_candidate_that_is_proved_is_not_released_while_the_evidence_speaks_against_it() -> None:
    assert tick(LAST, verdict_of("pass", "errors", against=SILENCE), 80_000.0) is None
    assert tick(LAST, verdict_of("pass", "errors", against=SILENCE - 0.01), 80_000.0) is not None
