"""Every verb: what it is allowed to do, in which order, what it refuses, and that refusals change
nothing.
"""

from dataclasses import replace

import pytest

from rollout.decide import decisions
from rollout.decide.actions import Plan, RecordRevision
from rollout.decide.decisions import COMMAND, Facts
from rollout.errors import (
    BadWeight,
    IllegalEvent,
    NothingToDo,
    NotReady,
    Refusal,
    RolloutInProgress,
    UnknownVersion,
)
from rollout.state.ledger import Ledger, Step
from rollout.state.split import ALL
from rollout.state.version_state import State
from tests.rollout.ledger_commands import (
    EMPTY,
    STARTED,
    decide,
    facts,
    ledger_after,
    not_ready,
    outline,
    recorded,
)

CANARY = ledger_after("canary v2 --steps 5,50", ledger=STARTED)
SHADOW = ledger_after("shadow v2 --percent 25", ledger=STARTED)
RAMP = ledger_after("ramp v2 --steps 10,40,100 --every 30", ledger=STARTED)
SECOND = ledger_after("promote v2", ledger=STARTED)
"""v2 is released and v1, still running, is the way back."""
REPLACED = ledger_after("release-in-place v2", ledger=STARTED)
"""v2 is released and v1, the way back, has no process any more."""
CHECKED = (
    "promote v2",
    "promote v2 --step",
    "shadow v2",
    "canary v2",
    "ab v2",
    "ramp v2",
    "blue-green v2",
)


def the_record(decided: Plan) -> RecordRevision:
    """The one record of a plan."""
    (record,) = (action for action in decided if isinstance(action, RecordRevision))
    return record


def words(decided: Plan) -> tuple[str, str, str]:
    """What is told of a plan: its act, its summary and its undo."""
    record = the_record(decided)
    return record.act, record.summary, record.undo.removeprefix(f"{COMMAND} ")


def standing(ledger: Ledger) -> tuple[dict[str, int], str | None, tuple[str, ...]]:
    """Who answers, who is released, and the ways back."""
    return ledger.split.weights() if ledger.split else {}, ledger.released, ledger.released_before


# deploy


def test_a_deployed_version_is_started_proven_warmed_up_and_recorded_without_traffic() -> None:
    decided = decide(EMPTY, "deploy v1", now=7.0)
    assert outline(decided) == [
        "Start v1-1",
        "WaitReady v1-1",
        "WarmUp v1-1",
        "RecordRevision deploy",
    ]
    assert words(decided) == ("deploy", "v1 deployed without traffic", "retire v1")
    after = recorded(decided, EMPTY)
    version = after.version("v1")
    assert (version.state, version.address, version.program) == (
        State.DEPLOYED,
        "unix:/run/v1-1",
        "v1-1",
    )
    assert (version.digest, version.runtime, version.proven_at) == ("sha256 of v1", "onnx", 7.0)
    assert standing(after) == ({}, None, ())


@pytest.mark.parametrize(
    "ledger", [STARTED, CANARY, SHADOW, SECOND], ids=["deployed", "canary", "shadow", "released"]
)
def test_to_deploy_a_version_that_runs_is_nothing(ledger: Ledger) -> None:
    assert decide(ledger, "deploy v2") == ()


def test_other_content_under_the_name_of_a_running_version_is_refused() -> None:
    other = replace(facts(STARTED, "v2"), digest="another digest")
    for command in ("deploy v2", "release-in-place v2"):
        with pytest.raises(
            IllegalEvent, match=r"v2 runs with other content .*versions are immutable"
        ):
            decide(STARTED, command, seen=other)


def test_a_retired_version_is_deployed_again_as_a_new_process() -> None:
    retired = ledger_after("retire v2", ledger=STARTED)
    decided = decide(retired, "deploy v2")
    assert outline(decided) == [
        "Start v2-6",
        "WaitReady v2-6",
        "WarmUp v2-6",
        "RecordRevision deploy",
    ]
    assert recorded(decided, retired).version("v2").program == "v2-6"


def test_a_deploy_does_not_touch_a_rollout() -> None:
    after = ledger_after("deploy v4", ledger=CANARY)
    assert (after.rollout, after.split) == (CANARY.rollout, CANARY.split)


# promote


def test_a_promoted_version_has_all_traffic_by_one_record_and_the_old_one_stays_warm() -> None:
    decided = decide(STARTED, "promote v2")
    assert outline(decided) == ["RecordRevision promote"]
    assert words(decided) == ("promote", "v2 released", "rollback")
    after = recorded(decided, STARTED)
    assert standing(after) == ({"v2": ALL}, "v2", ("v1",))
    assert [version.state for version in after.versions.values()] == [
        State.DEPLOYED,
        State.RELEASED,
        State.DEPLOYED,
    ]


def test_the_first_release_has_no_undo() -> None:
    deployed = ledger_after("deploy v1")
    for command in ("promote v1", "release-in-place v1", "release-in-place v2"):
        assert the_record(decide(deployed, command)).undo == "none: nothing was released before"


def test_to_promote_the_released_version_is_nothing() -> None:
    assert decide(STARTED, "promote v1") == ()


@pytest.mark.parametrize("ledger", [CANARY, SHADOW, RAMP, ledger_after("pause", ledger=CANARY)])
def test_promote_ends_the_candidates_own_rollout(ledger: Ledger) -> None:
    after = ledger_after("promote v2", ledger=ledger)
    assert (standing(after), after.rollout) == (({"v2": ALL}, "v2", ("v1",)), None)


@pytest.mark.parametrize("command", [*CHECKED, "retire v2"])
def test_a_version_that_was_never_deployed_is_refused_with_the_next_step(command: str) -> None:
    ledger = ledger_after("deploy v1", "promote v1")
    if "--step" in command:
        ledger = replace(ledger, rollout=CANARY.rollout)

    with pytest.raises(
        UnknownVersion, match=r"v2 has never been deployed .*`python deploy.py deploy v2` first"
    ):
        decide(ledger, command)


@pytest.mark.parametrize("command", [command for command in CHECKED if "--step" not in command])
def test_a_retired_version_is_refused_with_the_next_step(command: str) -> None:
    with pytest.raises(NotReady, match=r"v2 is retired: `python deploy.py deploy v2` first"):
        decide(ledger_after("retire v2", ledger=STARTED), command)


@pytest.mark.parametrize("command", CHECKED)
@pytest.mark.parametrize(
    ("answers", "because"), [(False, "golden row 0 gave 3"), (None, "nobody asked it")]
)
def test_a_version_that_did_not_answer_its_golden_rows_gets_no_traffic(
    command: str, answers: bool | None, because: str
) -> None:
    ledger = CANARY if "--step" in command else STARTED
    with pytest.raises(
        NotReady, match=rf"v2 has not answered its golden rows \({because}\): see .* status"
    ):
        decide(ledger, command, seen=not_ready(ledger, "v2", answers))


@pytest.mark.parametrize("command", [*CHECKED, "release-in-place v2"])
def test_while_another_version_is_in_a_rollout_every_way_to_traffic_is_refused(
    command: str,
) -> None:
    busy = ledger_after("canary v3", ledger=STARTED)
    with pytest.raises(
        RolloutInProgress, match=r"a canary of v3 is in progress \(started by ana@test\)"
    ):
        decide(busy, command)


# promote --step


def test_each_step_gives_the_candidate_its_next_share_and_the_last_one_releases_it() -> None:
    decided = decide(CANARY, "promote v2 --step", now=60.0)
    assert words(decided) == ("step", "v2 answers 50 %", "rollback")
    further = recorded(decided, CANARY)
    assert standing(further) == ({"v1": 5000, "v2": 5000}, "v1", ())
    last = decide(further, "promote v2 --step")
    assert words(last) == ("step", "v2 released", "rollback")
    assert standing(recorded(last, further)) == ({"v2": ALL}, "v2", ("v1",))


def test_without_a_rollout_there_is_no_step_to_take() -> None:
    with pytest.raises(NothingToDo, match="no rollout is in progress"):
        decide(STARTED, "promote v2 --step")


def test_a_paused_rollout_takes_no_step() -> None:
    with pytest.raises(
        IllegalEvent, match=r"the canary of v2 is paused: `python deploy.py resume` first"
    ):
        decide(ledger_after("pause", ledger=CANARY), "promote v2 --step")


# start


@pytest.mark.parametrize(
    ("command", "told", "weight", "copies"),
    [
        (
            "shadow v2",
            ("shadow", "100 % of the requests are copied to v2", "abort"),
            0,
            (("v2", ALL),),
        ),
        (
            "shadow v2 --percent 0.5",
            ("shadow", "0.5 % of the requests are copied to v2", "abort"),
            0,
            (("v2", 50),),
        ),
        ("canary v2", ("canary", "v2 answers 5 %", "rollback"), 500, ()),
        ("canary v2 --steps 1,2", ("canary", "v2 answers 1 %", "rollback"), 100, ()),
        ("ab v2", ("ab", "v2 answers 50 %", "rollback"), 5000, ()),
        ("ab v2 --steps 0.01", ("ab", "v2 answers 0.01 %", "rollback"), 1, ()),
        ("ramp v2", ("ramp", "v2 answers 10 %", "rollback"), 1000, ()),
        ("blue-green v2", ("blue-green", "v2 released", "rollback"), ALL, ()),
        ("canary v2 --steps 100", ("canary", "v2 released", "rollback"), ALL, ()),
    ],
)
def test_a_strategy_begins_with_its_first_share_in_one_record(
    command: str, told: tuple[str, str, str], weight: int, copies: tuple[tuple[str, int], ...]
) -> None:
    decided = decide(STARTED, command, now=7.0)
    after = recorded(decided, STARTED)
    assert (outline(decided), words(decided)) == ([f"RecordRevision {told[0]}"], told)
    assert after.weight("v2") == weight
    assert after.split is not None
    assert after.split.shadows == copies
    assert (after.rollout is None) == (weight == ALL)


def test_a_rollout_remembers_who_started_it_when_and_against_which_version() -> None:
    rollout = ledger_after("canary v2 --steps 5,50 --every 30", ledger=STARTED, now=7.0).running()
    assert (rollout.candidate, rollout.stable, rollout.strategy) == ("v2", "v1", "canary")
    assert (rollout.started_by, rollout.started_at, rollout.step_since) == ("ana@test", 7.0, 7.0)
    assert rollout.steps == (Step(500, 30.0), Step(5000, 30.0))


@pytest.mark.parametrize(
    ("command", "error", "why"),
    [
        ("recreate v2", NothingToDo, "no strategy 'recreate'"),
        ("canary v1", NothingToDo, "v1 is released already"),
        ("shadow v2 --percent 0", BadWeight, "a share above 0"),
        ("shadow v2 --percent 100.01", BadWeight, "weight of v2 is 10001"),
        ("canary v2 --steps 0,5", BadWeight, "must grow from above 0 %"),
        ("canary v2 --steps 5,5", BadWeight, "must grow"),
        ("canary v2 --steps 50,5", BadWeight, "must grow .*: 50 %, 5 %"),
        ("canary v2 --steps -5", BadWeight, "must grow .*: -5 %"),
        ("canary v2 --steps 100.01", BadWeight, "at most 100 %: 100.01 %"),
        ("canary v2 --steps 5,200", BadWeight, "at most 100 %: 5 %, 200 %"),
    ],
)
def test_a_rollout_that_cannot_go_to_its_end_is_not_begun(
    command: str, error: type[Refusal], why: str
) -> None:
    with pytest.raises(error, match=why):
        decide(STARTED, command)


@pytest.mark.parametrize("how", ["shadow", "canary", "ab", "ramp", "blue-green"])
def test_before_the_first_release_there_is_nothing_to_roll_out_against(how: str) -> None:
    with pytest.raises(
        NothingToDo, match=r"no version is released yet: `python deploy.py promote v1`"
    ):
        decide(ledger_after("deploy v1"), f"{how} v1")


@pytest.mark.parametrize("first", ["shadow v2", "canary v2 --steps 50", "ab v2", "ramp v2"])
def test_a_second_start_of_the_same_candidate_replaces_its_first(first: str) -> None:
    before = ledger_after(first, ledger=STARTED)
    after = ledger_after("canary v2", ledger=before, now=9.0)
    assert standing(after) == ({"v1": 9500, "v2": 500}, "v1", ())
    assert (after.running().id, after.running().started_at) == (
        f"flights:canary:v2:{before.revision + 1}",
        9.0,
    )
    assert after.split is not None
    assert before.split is not None
    assert after.split.shadows == ()
    assert after.split.salt != before.split.salt


# release in place


def test_in_place_the_old_process_is_stopped_only_after_the_new_one_has_its_traffic() -> None:
    one = ledger_after("deploy v1", "promote v1")
    decided = decide(one, "release-in-place v2")
    new = ["Start v2-3", "WaitReady v2-3", "WarmUp v2-3"]
    assert outline(decided) == [
        *new,
        "RecordRevision release-in-place",
        "DrainVersion v1-1",
        "Stop v1-1",
    ]
    assert words(decided) == ("release-in-place", "v2 in place of v1", "release-in-place v1")
    after = recorded(decided, one)
    assert standing(after) == ({"v2": ALL}, "v2", ("v1",))
    assert (after.version("v1").state, after.rollback_target()) == (State.RETIRED, "v1")


def test_in_place_the_first_version_has_nothing_to_replace() -> None:
    decided = decide(EMPTY, "release-in-place v1")
    assert outline(decided) == [
        "Start v1-1",
        "WaitReady v1-1",
        "WarmUp v1-1",
        "RecordRevision release-in-place",
    ]
    assert standing(recorded(decided, EMPTY)) == ({"v1": ALL}, "v1", ())


@pytest.mark.parametrize("ledger", [STARTED, CANARY, SHADOW], ids=["deployed", "canary", "shadow"])
def test_in_place_an_earlier_process_of_the_new_version_is_replaced_too(ledger: Ledger) -> None:
    decided = decide(ledger, "release-in-place v2")
    program = f"v2-{ledger.revision + 1}"
    assert outline(decided)[4:] == [
        "DrainVersion v1-1",
        "Stop v1-1",
        "DrainVersion v2-3",
        "Stop v2-3",
    ]
    after = recorded(decided, ledger)
    assert (after.version("v2").program, after.rollout) == (program, None)
    assert standing(after) == ({"v2": ALL}, "v2", ("v1",))


def test_in_place_the_released_version_gets_a_new_process_and_keeps_its_rollback_target() -> None:
    decided = decide(SECOND, "release-in-place v2")
    assert outline(decided)[3:] == [
        "RecordRevision release-in-place",
        "DrainVersion v2-3",
        "Stop v2-3",
    ]
    after = recorded(decided, SECOND)
    assert standing(after) == standing(SECOND)
    assert (after.version("v2").state, after.version("v2").program) == (State.RELEASED, "v2-6")
    assert after.version("v1").state is State.DEPLOYED


# pause, resume and the clock


def test_a_paused_rollout_goes_on_with_the_time_that_was_left() -> None:
    paused = ledger_after("pause", ledger=RAMP, now=12.0)
    assert (paused.running().paused, paused.running().due_at()) == (True, None)
    going = ledger_after("resume", ledger=paused, now=100.0)
    assert going.running().due_at() == 118.0
    again = ledger_after("resume", ledger=ledger_after("pause", ledger=going, now=110.0), now=200.0)
    assert again.running().due_at() == 208.0
    assert standing(again) == standing(RAMP)


def test_a_clock_that_was_set_back_does_not_lengthen_a_step() -> None:
    paused = ledger_after("pause", ledger=RAMP, now=-50.0)
    assert ledger_after("resume", ledger=paused, now=10.0).running().due_at() == 40.0


def test_pause_and_resume_say_what_they_did_and_undo_each_other() -> None:
    assert words(decide(RAMP, "pause")) == ("pause", "ramp of v2 held", "resume")
    assert words(decide(ledger_after("pause", ledger=RAMP), "resume")) == (
        "resume",
        "ramp of v2 goes on",
        "pause",
    )


def test_to_pause_or_resume_twice_is_nothing() -> None:
    assert decide(RAMP, "resume") == ()
    assert decide(ledger_after("pause", ledger=RAMP), "pause") == ()


@pytest.mark.parametrize("command", ["pause", "resume", "abort"])
def test_without_a_rollout_there_is_nothing_to_hold_or_to_end(command: str) -> None:
    with pytest.raises(NothingToDo, match="no rollout is in progress"):
        decide(STARTED, command)


def test_the_clock_takes_each_step_when_it_is_due_and_not_before() -> None:
    assert decisions.advance(RAMP, 29.9) is None
    second = decisions.advance(RAMP, 30.0)
    assert second is not None
    assert (second.act, second.summary, second.ledger.weight("v2")) == (
        "step",
        "v2 answers 40 %",
        4000,
    )
    assert decisions.advance(second.ledger, 59.9) is None
    last = decisions.advance(second.ledger, 60.0)
    assert last is not None
    assert (last.summary, last.undo, last.ledger.rollout) == (
        "v2 released",
        f"{COMMAND} rollback",
        None,
    )
    assert decisions.advance(last.ledger, 1e9) is None


def test_a_step_that_is_late_is_taken_once_and_the_next_has_its_whole_time() -> None:
    late = decisions.advance(RAMP, 1000.0)
    assert late is not None
    assert (late.ledger.running().step, late.ledger.running().due_at()) == (1, 1030.0)
    assert decisions.advance(late.ledger, 1029.0) is None


def test_a_step_by_hand_starts_the_clock_anew() -> None:
    assert ledger_after("promote v2 --step", ledger=RAMP, now=20.0).running().due_at() == 50.0


@pytest.mark.parametrize(
    "ledger",
    [EMPTY, STARTED, CANARY, SHADOW, ledger_after("pause", ledger=RAMP, now=5.0)],
    ids=["empty", "no rollout", "no clock", "shadow", "paused"],
)
def test_where_the_clock_does_not_decide_it_takes_no_step(ledger: Ledger) -> None:
    assert decisions.advance(ledger, 1e12) is None


# abort


@pytest.mark.parametrize(
    ("ledger", "how", "undo"),
    [
        (CANARY, "canary", "canary v2 --steps 5,50"),
        (SHADOW, "shadow", "shadow v2 --percent 25"),
        (RAMP, "ramp", "ramp v2 --over 90s --steps 3"),
    ],
)
def test_abort_gives_all_traffic_to_the_stable_version_and_keeps_the_candidate(
    ledger: Ledger, how: str, undo: str
) -> None:
    decided = decide(ledger, "abort")
    assert outline(decided) == ["RecordRevision abort"]
    assert words(decided) == ("abort", f"{how} of v2 ended, all traffic to v1", undo)
    after = recorded(decided, ledger)
    assert (standing(after), after.rollout) == (({"v1": ALL}, "v1", ()), None)
    assert after.version("v2").state is State.DEPLOYED
    assert after.split is not None
    assert after.split.shadows == ()


# rollback


NO_FACTS = Facts(now=0.0, actor="")


@pytest.mark.parametrize("ledger", [CANARY, RAMP, ledger_after("pause", ledger=CANARY), SECOND])
def test_a_rollback_is_one_record_and_needs_no_fact_and_no_ready_version(ledger: Ledger) -> None:
    decided = decisions.rollback(ledger, NO_FACTS)
    assert (outline(decided), the_record(decided).summary) == (
        ["RecordRevision rollback"],
        "from v2 to v1",
    )
    after = recorded(decided, ledger)
    assert (standing(after), after.rollout) == (({"v1": ALL}, "v1", ()), None)
    assert after.version("v2").state is State.DEPLOYED


@pytest.mark.parametrize("ledger", [EMPTY, ledger_after("deploy v1"), STARTED, SHADOW])
def test_with_nothing_to_go_back_to_a_rollback_is_refused(ledger: Ledger) -> None:
    with pytest.raises(NothingToDo, match="nothing to roll back to"):
        decisions.rollback(ledger, NO_FACTS)


def test_a_rollback_during_a_shadow_goes_to_the_version_released_before_and_ends_the_shadow() -> (
    None
):
    ledger = ledger_after("shadow v3", ledger=SECOND)
    after = recorded(decisions.rollback(ledger, NO_FACTS), ledger)
    assert (standing(after), after.rollout) == (({"v1": ALL}, "v1", ()), None)
    assert after.version("v3").state is State.DEPLOYED


def test_a_rollback_to_a_version_without_a_process_starts_and_proves_it_first() -> None:
    decided = decide(REPLACED, "rollback")
    new = ["Start v1-6", "WaitReady v1-6", "WarmUp v1-6"]
    assert outline(decided) == [*new, "RecordRevision rollback", "DrainVersion v2-5", "Stop v2-5"]
    assert words(decided) == ("rollback", "from v2 to v1", "release-in-place v2")
    after = recorded(decided, REPLACED)
    assert (standing(after), after.version("v2").state) == (({"v1": ALL}, "v1", ()), State.RETIRED)


def test_a_rollback_to_a_replaced_version_that_was_deployed_again_starts_nothing() -> None:
    ledger = ledger_after("deploy v1", ledger=REPLACED)
    assert outline(decisions.rollback(ledger, NO_FACTS)) == ["RecordRevision rollback"]


@pytest.mark.parametrize(
    ("commands", "released", "ways_back"),
    [
        ("promote v2", "v2", "v1"),
        ("promote v2, promote v3", "v3", "v1 v2"),
        ("promote v2, promote v3, rollback", "v2", "v1"),
        ("promote v2, promote v3, rollback, rollback", "v1", ""),
        ("promote v2, promote v3, rollback, promote v3", "v3", "v1 v2"),
        ("promote v2, promote v1", "v1", "v2"),
        ("promote v2, promote v1, rollback", "v2", ""),
        ("promote v2, promote v3, promote v2", "v2", "v1 v3"),
        ("promote v2, promote v3, promote v1", "v1", "v2 v3"),
        ("promote v2, promote v1, promote v2, promote v1", "v1", "v2"),
        ("promote v2, rollback, promote v3", "v3", "v1"),
        ("promote v2, canary v3, rollback", "v2", "v1"),
        ("promote v2, canary v3, rollback, rollback", "v1", ""),
        ("promote v2, canary v3, abort, promote v3, rollback", "v2", "v1"),
        ("promote v2, blue-green v3, rollback", "v2", "v1"),
        ("release-in-place v2, release-in-place v3", "v3", "v1 v2"),
        ("release-in-place v2, release-in-place v3, rollback, rollback", "v1", ""),
        ("release-in-place v2, rollback, release-in-place v2", "v2", "v1"),
    ],
)
def test_releases_and_rollbacks_in_a_row_keep_the_ways_back_right(
    commands: str, released: str, ways_back: str
) -> None:
    ledger = ledger_after(*commands.split(", "), ledger=STARTED)
    assert standing(ledger) == ({released: ALL}, released, tuple(ways_back.split()))


# retire


def test_a_retired_version_is_taken_from_the_record_before_its_process_is_drained_and_stopped() -> (
    None
):
    decided = decide(STARTED, "retire v2")
    assert outline(decided) == ["RecordRevision retire", "DrainVersion v2-3", "Stop v2-3"]
    assert words(decided) == ("retire", "v2 retired", "deploy v2")
    assert recorded(decided, STARTED).version("v2").state is State.RETIRED


@pytest.mark.parametrize("command", ["retire v2", "retire v2 --force"])
def test_to_retire_twice_is_nothing(command: str) -> None:
    assert decide(ledger_after("retire v2", ledger=STARTED), command) == ()


def test_the_rollback_target_is_retired_only_by_force_and_is_then_forgotten() -> None:
    with pytest.raises(IllegalEvent, match="v1 is the rollback target: with --force it goes"):
        decide(SECOND, "retire v1")
    after = ledger_after("retire v1 --force", ledger=SECOND)
    assert standing(after) == ({"v2": ALL}, "v2", ())
    assert after.rollback_target() is None


def test_an_older_rollback_target_is_retired_without_force_and_the_newest_stays() -> None:
    after = ledger_after("promote v3", "retire v1", ledger=SECOND)
    assert (after.released_before, after.rollback_target()) == (("v2",), "v2")


@pytest.mark.parametrize(
    ("ledger", "name"),
    [(STARTED, "v1"), (CANARY, "v1"), (CANARY, "v2"), (SHADOW, "v2"), (SECOND, "v2")],
)
def test_a_version_with_users_or_copies_is_not_retired_by_force_either(
    ledger: Ledger, name: str
) -> None:
    with pytest.raises(IllegalEvent, match="'retire' is not possible now"):
        decide(ledger, f"retire {name} --force")


def test_a_shadow_has_no_step_that_could_release_it_by_surprise() -> None:
    with pytest.raises(NothingToDo, match=r"a shadow has no steps: `python deploy\.py canary v2`"):
        decide(SHADOW, "promote v2 --step")


def test_a_release_in_place_is_no_rollout() -> None:
    with pytest.raises(NothingToDo, match="one act"):
        decisions.start(STARTED, facts(STARTED, "v2"), "v2", "release-in-place")


@pytest.mark.parametrize("act", ["rollback", "abort"])
def test_who_leaves_a_rollout_comes_back_by_beginning_it_again(act: str) -> None:
    assert words(decide(ledger_after("ab v2", ledger=STARTED), act))[2] == "ab v2"


def test_the_stable_version_of_a_rollout_is_not_offered_to_be_retired_by_force() -> None:
    with pytest.raises(IllegalEvent, match="v1 is released"):
        decide(CANARY, "retire v1")


def test_a_rollback_target_that_is_deployed_again_is_taken_away_again_by_force() -> None:
    assert words(decide(REPLACED, "deploy v1"))[2] == "retire v1 --force"


def test_a_process_that_ends_may_stay_the_rollback_target() -> None:
    released = ledger_after("promote v2", ledger=STARTED)
    ledger = recorded(decisions.retire(released, "v1", rollback_target=True), released)
    assert ledger.versions["v1"].state == State.RETIRED
    assert ledger.rollback_target() == "v1"
    back = decisions.rollback(ledger, facts(ledger, "v1"))
    assert outline(back)[:3] == ["Start v1-7", "WaitReady v1-7", "WarmUp v1-7"]
    assert recorded(back, ledger).released == "v1"


@pytest.mark.parametrize(
    "command",
    [
        "canary v2 --auto",
        "canary v2 --steps 50",
        "shadow v2",
        "ab v2 --auto",
        "release-in-place v2 --auto",
    ],
)
def test_a_rollout_that_runs_by_itself_is_not_begun_again_and_forgets_nothing(command: str) -> None:
    ledger = ledger_after("canary v2 --auto", ledger=STARTED)
    with pytest.raises(
        RolloutInProgress, match=rf"a canary of v2 runs by itself since revision {ledger.revision}"
    ):
        decide(ledger, command)


@pytest.mark.parametrize("first", ["canary v2", "shadow v2 --auto"])
def test_one_that_a_person_decides_may_be_begun_again_and_a_canary_follows_a_shadow(
    first: str,
) -> None:
    ledger = ledger_after(first, ledger=STARTED)
    after = recorded(decide(ledger, "canary v2 --auto"), ledger)
    assert after.running().strategy == "canary"


def test_where_everything_was_gone_back_from_a_version_that_runs_is_named() -> None:
    ledger = ledger_after("promote v2", "promote v1", "rollback", ledger=STARTED)
    with pytest.raises(
        NothingToDo, match=r"already rolled back: `.* promote VERSION` for one that runs \(v1, v3\)"
    ):
        decide(ledger, "rollback")
