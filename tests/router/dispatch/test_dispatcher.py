"""What counts for and against a candidate: each draw once, by the weight in force, against who was
drawn.
"""

from dataclasses import replace

import pytest

from rollout.decide.transitions import ended, stepped
from rollout.state.ledger import Step
from router.dispatch.dispatcher import Dispatcher
from router.problems import Problem
from tests.router.fakes import NOW, DispatcherHarness, begun, deployed

MODEL_FAILED = ({"row": 0, "status": 500, "detail": "as asked"},)
ROW_AT_FAULT = ({"row": 0, "status": 422, "detail": "as asked"},)


@pytest.fixture
def ledger():
    return begun(deployed("v1", "v2", "v3"))


@pytest.fixture
def harness(ledger, tmp_path):
    return DispatcherHarness(ledger, units=tmp_path / "units")


def test_a_unit_that_comes_again_is_answered_again_and_bets_once(harness):
    unit = harness.unit_of("v2")
    for _ in range(3):
        replies = harness.ask(unit)
        harness.versions["v2"].answer()
        assert replies[0].version == "v2"

    counted = harness.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"ok": 1})
    assert replies[0].draw.tally is None
    assert (replies[0].draw.number, replies[0].draw.weight) == (4, 2000)


def test_requests_without_a_unit_bet_one_by_one(harness):
    for _ in range(40):
        harness.ask()
    assert sum(harness.counted(version)["drawn"]["all"] for version in ("v1", "v2")) == 40


def test_a_unit_bets_once_whichever_worker_it_meets(ledger, tmp_path):
    one, other = (
        DispatcherHarness(ledger, units=tmp_path),
        DispatcherHarness(ledger, units=tmp_path),
    )
    unit = one.unit_of("v2")
    one.ask(unit)
    other.ask(unit)
    assert (one.counted("v2").get("drawn"), other.counted("v2")) == ({"all": 1}, {})


def test_a_unit_bets_again_in_the_next_rollout(harness, ledger):
    unit = harness.unit_of("v2")
    harness.ask(unit)
    over = replace(ended(ledger, ledger.running()), revision=5)
    harness.follow(over)
    harness.follow(begun(over))
    version = harness.traffic.table.split.choose(unit)
    harness.ask(unit)
    assert harness.counted(version)["drawn"] == {"all": 1}


def test_where_the_memory_of_units_cannot_be_kept_the_ledger_is_followed_all_the_same(
    tmp_path, ledger
):
    blocked = tmp_path / "units"
    blocked.write_text("a file where the folder should be")
    harness = DispatcherHarness(deployed("v1", "v2"), units=blocked)
    harness.follow(ledger)
    assert harness.traffic.table.rolling.candidate == "v2"


def test_what_the_candidate_failed_counts_against_it_and_not_as_a_request_of_who_answered(harness):
    replies = harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].answer(errors=MODEL_FAILED)
    harness.loop.run()
    harness.versions["v1"].answer()
    assert (replies[0].version, replies[0].fallback_from) == ("v1", "v2")
    counted = harness.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"error": 1})
    assert harness.counted("v1") == {}


def lose(harness, version, how):
    """Lose a batch: by a failure of the connection, or by a status."""
    while harness.versions[version].sent:
        if isinstance(how, int):
            harness.versions[version].answer(status=how)
        else:
            harness.versions[version].fail(how)

        harness.loop.run()


@pytest.mark.parametrize("how", ["connect", "closed", "timeout", 500, 502, 503, 504])
def test_a_lost_batch_is_one_event_and_bets_on_none_of_its_draws(harness, how):
    """At 5 % a version has batches of one request, at 95 % of twenty: counted by requests, one
    event would weigh as much as the batch is large.
    """
    replies = harness.ask(harness.unit_of("v2"))
    lose(harness, "v2", how)
    harness.versions["v1"].answer()
    assert (replies[0].version, replies[0].fallback_from) == ("v1", "v2")
    assert harness.counted("v2")["finished"] == {"neither": 1}


def test_a_request_that_was_asked_again_after_a_restart_counts_once(harness):
    replies = harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].fail("closed")
    harness.loop.run()
    harness.versions["v2"].answer()
    assert replies[0].version == "v2"
    counted = harness.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"ok": 1})


def test_a_request_that_failed_twice_counts_once_against_who_was_drawn(harness):
    replies = harness.ask(harness.unit_of("v2"))
    for _ in range(2):
        harness.versions["v2"].fail("closed")
        harness.loop.run()

    harness.versions["v1"].answer(status=500)
    assert replies[0].predicted is None
    assert harness.counted("v2")["finished"] == {"neither": 1}
    assert harness.counted("v1") == {}


def test_a_row_that_does_not_fit_is_a_refusal_and_no_error(harness):
    harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].answer(errors=ROW_AT_FAULT)
    harness.loop.run()
    harness.versions["v1"].answer()
    assert harness.counted("v2")["finished"] == {"refused": 1}


def test_what_is_shed_is_no_error_and_no_time(ledger, tmp_path):
    limits = replace(DispatcherHarness(ledger).traffic.settings.limits, max_queue_rows=1)
    harness = DispatcherHarness(ledger, units=tmp_path, limits=limits)
    for _ in range(3):
        harness.ask(harness.unit_of("v2"))

    assert harness.counted("v2")["drawn"] == {"all": 3}
    assert harness.counted("v2")["finished"] == {"shed": 1}
    assert "waits" not in harness.counted("v2")


def test_what_the_caller_chose_is_not_counted(harness):
    replies = harness.ask(harness.unit_of("v1"), pin="v2")
    harness.versions["v2"].answer(status=500)
    assert replies[0].predicted is None
    assert harness.counted("v2") == harness.counted("v1") == {}
    with pytest.raises(Problem, match="not deployed"):
        harness.ask(pin="v9")


def test_a_request_belongs_to_the_weight_that_was_in_force_when_it_was_routed(harness, ledger):
    replies = harness.ask(harness.unit_of("v2"))
    harness.follow(replace(stepped(ledger, NOW), revision=5))
    harness.versions["v2"].answer()
    assert harness.counted("v2", 2000)["finished"] == {"ok": 1}
    assert harness.counted("v2", 5000) == {}
    assert replies[0].draw.weight == 2000


def test_a_request_that_outlives_its_rollout_counts_in_it(harness, ledger):
    unit = harness.unit_of("v2")
    harness.ask(unit)
    rolling = harness.traffic.table.rolling
    harness.follow(replace(ended(ledger, ledger.running()), revision=5))
    harness.versions["v2"].answer(errors=MODEL_FAILED)
    harness.loop.run()
    harness.versions["v1"].answer()
    bodies = {row[:3]: row[3] for row in harness.traffic.tallies.rows()}
    assert bodies[rolling.id, "v2", 2000]["finished"] == {"error": 1}


def test_a_version_that_goes_while_its_request_waits_counts_once(harness, ledger):
    harness.ask(harness.unit_of("v2"))
    replies = harness.ask(harness.unit_of("v2"))
    gone = replace(ended(ledger, ledger.running()), revision=5)
    gone = replace(gone, versions={name: v for name, v in gone.versions.items() if name != "v2"})
    harness.follow(gone)
    harness.loop.run()
    harness.versions["v1"].answer()
    assert replies[0].version == "v1"
    assert harness.counted("v1") == {}


def test_without_a_rollout_the_released_version_is_counted_as_history():
    harness = DispatcherHarness(deployed("v1"))
    replies = harness.ask()
    harness.versions["v1"].answer()
    assert harness.counted("v1")["finished"] == {"ok": 1}
    assert (replies[0].draw.number, replies[0].draw.weight) == (0, 0)


def test_times_count_once_a_version_is_warm(ledger):
    harness = DispatcherHarness(ledger, cold_s=5.0)
    harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].answer()
    assert "waits" not in harness.counted("v2")
    harness.loop.now += 5.0
    harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].answer()
    assert sum(harness.counted("v2")["waits"].values()) == 1


def test_a_restart_of_either_version_makes_it_cold_and_one_of_a_third_does_not(ledger):
    harness = DispatcherHarness(ledger, cold_s=5.0)
    harness.loop.now += 10.0
    for _ in range(2):
        harness.ask(pin="v3")
        harness.versions["v3"].fail("connect")
        harness.loop.run()
        harness.versions["v3"].fail("connect")

    assert harness.traffic.warm()
    harness.ask(harness.unit_of("v2"))
    harness.versions["v2"].fail("closed")
    harness.loop.run()
    harness.versions["v2"].fail("closed")
    assert not harness.traffic.warm()


def test_a_rollout_that_a_person_moves_keeps_no_memory_of_units(tmp_path):
    harness = DispatcherHarness(
        begun(deployed("v1", "v2"), auto=False, steps=(Step(2000),)), units=tmp_path / "units"
    )
    assert not (tmp_path / "units").exists()
    assert isinstance(harness.traffic, Dispatcher)


def lost_at_once(harness, version):
    """Let the version refuse two connections in a row."""
    for _ in range(2):
        if harness.versions[version].sent:
            harness.versions[version].fail("connect")
            harness.loop.run()


def test_only_who_has_nobody_in_its_place_waits_for_its_restart():
    alone = DispatcherHarness(deployed("v1", "v2"))
    replies = alone.ask()
    lost_at_once(alone, "v1")
    assert replies == []
    alone.loop.pass_time(1.0)
    alone.versions["v1"].answer()
    assert (replies[0].version, replies[0].fallback_from) == ("v1", None)


def test_a_canary_that_cannot_be_reached_falls_back_at_once(harness):
    replies = harness.ask(harness.unit_of("v2"))
    lost_at_once(harness, "v2")
    harness.versions["v1"].answer()
    assert (replies[0].version, replies[0].fallback_from) == ("v1", "v2")
    assert harness.counted("v2")["finished"] == {"neither": 1}


def test_a_canary_without_a_fallback_is_not_waited_for(ledger):
    harness = DispatcherHarness(ledger, fallback=False)
    replies = harness.ask(harness.unit_of("v2"))
    lost_at_once(harness, "v2")
    assert replies[0].lost.reason == "connect"
    assert harness.counted("v2")["finished"] == {"neither": 1}


def test_waiting_for_a_restart_is_no_time_of_the_version_and_no_failure_within_the_deadline():
    harness = DispatcherHarness(begun(deployed("v1", "v2"), how="shadow"), cold_s=5.0)
    harness.loop.pass_time(6.0)
    assert harness.traffic.warm()
    replies = harness.ask()
    harness.versions["v1"].fail("connect")
    harness.loop.run()
    assert not harness.traffic.warm()
    harness.loop.pass_time(2.0)
    harness.versions["v1"].answer()
    late = harness.ask()
    while not late:
        if harness.versions["v1"].sent:
            harness.versions["v1"].fail("connect")
        harness.loop.pass_time(0.05)
        harness.traffic.expire()

    assert (replies[0].lost, late[0].lost.reason) == (None, "deadline")
    assert harness.counted("v1")["finished"] == {"ok": 1, "neither": 1}


def test_a_version_that_gets_somebody_in_its_place_meanwhile_is_waited_for_no_longer(ledger):
    harness = DispatcherHarness(deployed("v1", "v2", "v3"))
    replies = harness.ask()
    harness.versions["v1"].fail("connect")
    harness.loop.run()
    harness.follow(ledger)
    harness.loop.pass_time(0.1)
    lost_at_once(harness, "v1")
    harness.versions["v2"].answer()
    assert (replies[0].version, replies[0].fallback_from) == ("v2", "v1")


def test_all_requests_are_counted_and_those_lost_that_the_other_version_answered(harness):
    unit = harness.unit_of("v2")
    for _ in range(3):
        harness.ask(unit)
        harness.versions["v2"].answer()

    for answer in ({}, {"errors": MODEL_FAILED}):
        harness.ask(unit)
        harness.versions["v2"].answer(errors=MODEL_FAILED)
        harness.loop.run()
        harness.versions["v1"].answer(**answer)

    for status in (200, 503):
        harness.ask(unit)
        lose(harness, "v2", "timeout")
        harness.versions["v1"].answer(status=status)

    assert harness.counted("v2")["outcomes"] == {"ok": 3, "lost": 1}


@pytest.mark.parametrize(("wait_s", "lost"), [(0.5, 1), (1.5, 0)])
def test_an_answer_that_took_long_came_from_a_version_in_trouble_itself(harness, wait_s, lost):
    harness.ask(harness.unit_of("v2"))
    lose(harness, "v2", "timeout")
    harness.loop.now += wait_s
    harness.versions["v1"].answer()
    assert harness.counted("v2").get("outcomes", {}).get("lost", 0) == lost


def test_a_suspended_version_has_had_its_failure_counted_before(harness):
    for _ in range(6):
        harness.ask(harness.unit_of("v2"))
        lose(harness, "v2", "timeout")
        while harness.versions["v1"].sent:
            harness.versions["v1"].answer()
            harness.loop.run()

    assert harness.counted("v2")["outcomes"] == {"lost": 3}


def test_a_callers_own_deadline_is_no_fault_of_the_version(harness):
    harness.hurry(harness.unit_of("v2"), 0.5)
    lose(harness, "v2", "timeout")
    harness.versions["v1"].answer()
    assert "lost" not in harness.counted("v2").get("outcomes", {})


def test_refused_rows_are_no_answers_of_a_rate(harness):
    harness.ask(harness.unit_of("v2"))
    refused = ({"row": 0, "status": 422, "detail": "as asked"},)
    harness.versions["v2"].answer(errors=refused)
    assert harness.counted("v2")["outcomes"] == {"refused": 1}
