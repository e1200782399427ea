"""What may go of versions that answer nobody: only what nobody needs, only once it is cold, and
never the way back.
"""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollout.decide import decisions, retention
from rollout.errors import Refusal
from rollout.state.ledger import Ledger
from rollout.state.version_state import LIVE, State
from tests.rollout.ledger_commands import EMPTY, STARTED, ledger_after, quick

WARM = 900.0


def past(*commands: str, every: float = 100.0) -> list[tuple[float, Ledger]]:
    """How the ledger stood after each command, one each `every` seconds; newest first."""
    ledger, past = EMPTY, []
    for number, command in enumerate(commands):
        ledger = ledger_after(command, ledger=ledger, now=number * every)
        past.insert(0, (number * every, ledger))
    return past


def going(
    story: list[tuple[float, Ledger]], now: float, warm_s: float = WARM, keep: int = 3
) -> retention.RetentionPlan:
    """What may go at that moment."""
    return retention.going(story[0][1], retention.standing(story), now, warm_s, keep)


def names(plan: retention.RetentionPlan) -> list[str]:
    """The versions whose process goes."""
    return [idle.version.name for idle in plan.retire]


def retired(ledger: Ledger, name: str) -> Ledger:
    """The ledger after what is proposed was done."""
    (record, *_) = decisions.retire(ledger, name, rollback_target=name in ledger.released_before)
    return record.ledger  # type: ignore[union-attr]


FIRST = ("deploy v1", "promote v1", "deploy v2")


@pytest.mark.parametrize(("waited", "goes"), [(WARM, []), (WARM + 1, ["v2"])])
def test_a_version_without_traffic_goes_after_its_warm_time(waited, goes):
    assert names(going(past(*FIRST), 200 + waited)) == goes


def test_what_another_act_records_meanwhile_does_not_keep_it_warm():
    assert names(going(past(*FIRST, "deploy v3", every=500.0), 1000 + WARM + 1)) == ["v2"]


def test_deployed_again_it_is_warm_again():
    story = past(*FIRST, "retire v2", "deploy v2")
    assert names(going(story, 400 + WARM)) == []
    assert names(going(story, 400 + WARM + 1)) == ["v2"]


@pytest.mark.parametrize("begun", ["canary v2", "shadow v2", "ab v2"])
def test_whoever_is_rolled_out_stays_and_is_warm_from_its_end(begun):
    assert names(going(past(*FIRST, begun), 10**6)) == []
    ended = past(*FIRST, begun, "abort")
    assert names(going(ended, 400 + WARM)) == []
    assert names(going(ended, 400 + WARM + 1)) == ["v2"]


def test_a_version_that_waits_for_its_rollout_stays():
    ledger = past(*FIRST, "deploy v3")[0][1]
    canary = ledger_after("canary v3", ledger=ledger).rollout
    assert not retention.needed(ledger, "v3")
    assert retention.needed(replace(ledger, queued=canary), "v3")


def test_the_rollback_target_goes_too_and_stays_the_rollback_target():
    story = past(*FIRST, "promote v2")
    assert names(going(story, 300 + WARM)) == []
    (cold,) = going(story, 300 + WARM + 1).retire
    assert (cold.version.name, cold.rollback_target) == ("v1", True)
    assert retired(story[0][1], "v1").rollback_target() == "v1"


def test_a_rollback_still_has_all_its_steps_after_every_old_process_went():
    story = past(*FIRST, "promote v2", "deploy v3", "promote v3")
    ledger = story[0][1]
    for cold in going(story, 10**6).retire:
        ledger = retired(ledger, cold.version.name)

    assert ledger.released_before == ("v1", "v2")
    assert [v.name for v in ledger.live()] == ["v3"]


def test_during_a_rollout_the_rollback_target_of_before_is_kept_as_one():
    story = past(*FIRST, "promote v2", "deploy v3", "canary v3")
    (cold,) = going(story, 10**6).retire
    assert (cold.version.name, cold.rollback_target) == ("v1", True)
    assert not retention.may_forget(story[0][1], "v1")


def test_the_apps_of_the_newest_retired_versions_are_kept():
    story = past(*FIRST, "deploy v3", "deploy v4", "retire v4", "retire v2", "retire v3")
    assert going(story, 800, keep=2).forget == ("v4",)
    assert going(story, 800, keep=1).forget == ("v4", "v2")
    assert going(story, 800, keep=3).forget == ()


def test_who_is_retired_now_is_the_newest_of_the_retired():
    story = past(*FIRST, "deploy v3", "retire v3")
    assert going(story, 10**6, keep=1).forget == ("v3",)


def test_the_rollback_target_keeps_its_app_however_old_it_is():
    story = past(
        "deploy v1", "promote v1", "deploy v2", "release-in-place v2", "deploy v3", "retire v3"
    )
    assert story[0][1].version("v1").state == State.RETIRED
    assert going(story, 10**6, keep=1).forget == ()


def test_where_nothing_was_recorded_nothing_goes():
    assert going([(0.0, EMPTY)], 10**6) == retention.RetentionPlan((), ())
    assert retention.standing([]) == {}


COMMANDS = st.lists(
    st.sampled_from(
        [
            f"{verb} {name}"
            for verb in ("deploy", "promote", "canary", "shadow", "retire", "blue-green")
            for name in ("v1", "v2", "v3", "v4")
        ]
        + ["abort", "rollback"]
    ),
    max_size=25,
)


@settings(parent=quick, max_examples=200)
@given(COMMANDS, st.integers(1, 3))
@example(["canary v2", "abort"], 1)
def test_laws(commands, keep):
    """Whatever was done before: nobody loses its answers or its way back, and a second run finds
    nothing.
    """
    ledger, story = STARTED, [(0.0, STARTED)]
    for number, command in enumerate(commands, 1):
        try:
            ledger = ledger_after(command, ledger=ledger, now=number)
        except Refusal:
            continue
        story.insert(0, (float(number), ledger))

    plan = going(story, 10**6, keep=keep)
    after, later = ledger, story
    for second, cold in enumerate(plan.retire):
        after = retired(after, cold.version.name)
        later = [(10.0**6 + second, after), *later]

    assert (after.split, after.released, after.released_before, after.rollout) == (
        ledger.split,
        ledger.released,
        ledger.released_before,
        ledger.rollout,
    )
    assert after.rollback_target() == ledger.rollback_target()
    assert all(retention.needed(after, v.name) for v in after.live())
    assert {ledger.released, after.rollback_target()}.isdisjoint(plan.forget)
    assert all(after.version(name).state not in LIVE for name in plan.forget)
    again = going(later, 10**6 + len(plan.retire), keep=keep)
    assert (again.retire, set(again.forget) - set(plan.forget)) == ((), set())
    assert (
        len([v for v in after.versions.values() if v.state == State.RETIRED]) - len(plan.forget)
        <= keep + 2
    )
