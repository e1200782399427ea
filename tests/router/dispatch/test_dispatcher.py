"""What counts for and against a candidate: each draw once, by the weight in force, against who was
drawn.
"""

from dataclasses import replace

import pytest

from rollout.decide.transitions import ended, stepped
from rollout.state.ledger import Step
from router.dispatch.dispatcher import Dispatcher
from router.problems import Problem
from tests.router.toys import NOW, City, begun, deployed

MODEL_FAILED = ({"row": 0, "status": 500, "detail": "as asked"},)
ROW_AT_FAULT = ({"row": 0, "status": 422, "detail": "as asked"},)


@pytest.fixture
def ledger():
    return begun(deployed("v1", "v2", "v3"))


@pytest.fixture
def city(ledger, tmp_path):
    return City(ledger, units=tmp_path / "units")


def test_a_unit_that_comes_again_is_answered_again_and_bets_once(city):
    unit = city.unit_of("v2")
    for _ in range(3):
        told = city.ask(unit)
        city.versions["v2"].answer()
        assert told[0].version == "v2"

    counted = city.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"ok": 1})
    assert told[0].draw.tally is None
    assert (told[0].draw.number, told[0].draw.weight) == (4, 2000)


def test_requests_without_a_unit_bet_one_by_one(city):
    for _ in range(40):
        city.ask()
    assert sum(city.counted(version)["drawn"]["all"] for version in ("v1", "v2")) == 40


def test_a_unit_bets_once_whichever_worker_it_meets(ledger, tmp_path):
    one, other = City(ledger, units=tmp_path), City(ledger, units=tmp_path)
    unit = one.unit_of("v2")
    one.ask(unit)
    other.ask(unit)
    assert (one.counted("v2").get("drawn"), other.counted("v2")) == ({"all": 1}, {})


def test_a_unit_bets_again_in_the_next_rollout(city, ledger):
    unit = city.unit_of("v2")
    city.ask(unit)
    over = replace(ended(ledger, ledger.running()), revision=5)
    city.follow(over)
    city.follow(begun(over))
    version = city.traffic.table.split.choose(unit)
    city.ask(unit)
    assert city.counted(version)["drawn"] == {"all": 1}


def test_where_the_memory_of_units_cannot_be_kept_the_ledger_is_followed_all_the_same(
    tmp_path, ledger
):
    blocked = tmp_path / "units"
    blocked.write_text("a file where the folder should be")
    city = City(deployed("v1", "v2"), units=blocked)
    city.follow(ledger)
    assert city.traffic.table.rolling.candidate == "v2"


def test_what_the_candidate_failed_counts_against_it_and_not_as_a_request_of_who_answered(city):
    told = city.ask(city.unit_of("v2"))
    city.versions["v2"].answer(status=500)
    city.loop.run()
    city.versions["v1"].answer()
    assert (told[0].version, told[0].fallback_from) == ("v1", "v2")
    counted = city.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"error": 1})
    assert city.counted("v1") == {}


def test_what_a_model_failed_at_counts_as_an_error(city):
    told = city.ask(city.unit_of("v2"))
    city.versions["v2"].answer(errors=MODEL_FAILED)
    city.loop.run()
    city.versions["v1"].answer()
    assert told[0].fallback_from == "v2"
    assert city.counted("v2")["finished"] == {"error": 1}


def test_a_request_that_was_asked_again_after_a_restart_counts_once(city):
    told = city.ask(city.unit_of("v2"))
    city.versions["v2"].fail("closed")
    city.loop.run()
    city.versions["v2"].answer()
    assert told[0].version == "v2"
    counted = city.counted("v2")
    assert (counted["drawn"], counted["finished"]) == ({"all": 1}, {"ok": 1})


def test_a_request_that_failed_twice_counts_once_against_who_was_drawn(city):
    told = city.ask(city.unit_of("v2"))
    for _ in range(2):
        city.versions["v2"].fail("closed")
        city.loop.run()

    city.versions["v1"].answer(status=500)
    assert told[0].predicted is None
    assert city.counted("v2")["finished"] == {"neither": 1}
    assert city.counted("v1") == {}


def test_a_row_that_does_not_fit_is_a_refusal_and_no_error(city):
    city.ask(city.unit_of("v2"))
    city.versions["v2"].answer(errors=ROW_AT_FAULT)
    city.loop.run()
    city.versions["v1"].answer()
    assert city.counted("v2")["finished"] == {"refused": 1}


def test_what_is_shed_is_no_error_and_no_time(ledger, tmp_path):
    limits = replace(City(ledger).traffic.settings.limits, max_queue_rows=1)
    city = City(ledger, units=tmp_path, limits=limits)
    for _ in range(3):
        city.ask(city.unit_of("v2"))

    assert city.counted("v2")["drawn"] == {"all": 3}
    assert city.counted("v2")["finished"] == {"shed": 1}
    assert "waits" not in city.counted("v2")


def test_what_the_caller_chose_is_not_counted(city):
    told = city.ask(city.unit_of("v1"), pin="v2")
    city.versions["v2"].answer(status=500)
    assert told[0].predicted is None
    assert city.counted("v2") == city.counted("v1") == {}
    with pytest.raises(Problem, match="not deployed"):
        city.ask(pin="v9")


def test_a_request_belongs_to_the_weight_that_was_in_force_when_it_was_routed(city, ledger):
    told = city.ask(city.unit_of("v2"))
    city.follow(replace(stepped(ledger, NOW), revision=5))
    city.versions["v2"].answer()
    assert city.counted("v2", 2000)["finished"] == {"ok": 1}
    assert city.counted("v2", 5000) == {}
    assert told[0].draw.weight == 2000


def test_a_request_that_outlives_its_rollout_counts_in_it(city, ledger):
    unit = city.unit_of("v2")
    city.ask(unit)
    rolling = city.traffic.table.rolling
    city.follow(replace(ended(ledger, ledger.running()), revision=5))
    city.versions["v2"].fail("timeout")
    city.loop.run()
    city.versions["v1"].answer()
    bodies = {row[:3]: row[3] for row in city.traffic.tallies.rows()}
    assert bodies[rolling.id, "v2", 2000]["finished"] == {"error": 1}


def test_a_version_that_goes_while_its_request_waits_counts_once(city, ledger):
    city.ask(city.unit_of("v2"))
    told = city.ask(city.unit_of("v2"))
    gone = replace(ended(ledger, ledger.running()), revision=5)
    gone = replace(gone, versions={name: v for name, v in gone.versions.items() if name != "v2"})
    city.follow(gone)
    city.loop.run()
    city.versions["v1"].answer()
    assert told[0].version == "v1"
    assert city.counted("v1") == {}


def test_without_a_rollout_the_released_version_is_counted_as_history():
    city = City(deployed("v1"))
    told = city.ask()
    city.versions["v1"].answer()
    assert city.counted("v1")["finished"] == {"ok": 1}
    assert (told[0].draw.number, told[0].draw.weight) == (0, 0)


def test_times_count_once_a_version_is_warm(ledger):
    city = City(ledger, cold_s=5.0)
    city.ask(city.unit_of("v2"))
    city.versions["v2"].answer()
    assert "waits" not in city.counted("v2")
    city.loop.now += 5.0
    city.ask(city.unit_of("v2"))
    city.versions["v2"].answer()
    assert sum(city.counted("v2")["waits"].values()) == 1


def test_a_restart_of_either_version_makes_it_cold_and_one_of_a_third_does_not(ledger):
    city = City(ledger, cold_s=5.0)
    city.loop.now += 10.0
    for _ in range(2):
        city.ask(pin="v3")
        city.versions["v3"].fail("connect")
        city.loop.run()
        city.versions["v3"].fail("connect")

    assert city.traffic.warm()
    city.ask(city.unit_of("v2"))
    city.versions["v2"].fail("closed")
    city.loop.run()
    city.versions["v2"].fail("closed")
    assert not city.traffic.warm()


def test_during_a_watched_switch_a_request_that_only_the_old_version_answered_is_a_pair(tmp_path):
    city = City(begun(deployed("v1", "v2"), how="blue-green"), units=tmp_path)
    assert city.traffic.table.rolling.watching
    told = city.ask()
    city.versions["v2"].answer(status=500)
    city.loop.run()
    city.versions["v1"].answer()
    assert told[0].version == "v1"
    assert city.counted("v2", 10_000)["answers"] == {"candidate failed": 1}


def test_during_a_watched_switch_what_both_failed_is_no_pair(tmp_path):
    city = City(begun(deployed("v1", "v2"), how="blue-green"), units=tmp_path)
    city.ask()
    city.versions["v2"].answer(status=500)
    city.loop.run()
    city.versions["v1"].answer(status=500)
    assert "answers" not in city.counted("v2", 10_000)


def test_outside_a_watched_switch_there_are_no_pairs(city):
    city.ask(city.unit_of("v2"))
    city.versions["v2"].answer(status=500)
    city.loop.run()
    city.versions["v1"].answer()
    assert "answers" not in city.counted("v2")


def test_a_rollout_that_a_person_moves_keeps_no_memory_of_units(tmp_path):
    city = City(
        begun(deployed("v1", "v2"), auto=False, steps=(Step(2000),)), units=tmp_path / "units"
    )
    assert not (tmp_path / "units").exists()
    assert isinstance(city.traffic, Dispatcher)


def lost_at_once(city, version):
    """Let the version refuse two connections in a row."""
    for _ in range(2):
        if city.versions[version].sent:
            city.versions[version].fail("connect")
            city.loop.run()


def test_only_who_has_nobody_in_its_place_waits_for_its_restart():
    alone = City(deployed("v1", "v2"))
    told = alone.ask()
    lost_at_once(alone, "v1")
    assert told == []
    alone.loop.pass_time(1.0)
    alone.versions["v1"].answer()
    assert (told[0].version, told[0].fallback_from) == ("v1", None)


def test_a_canary_that_cannot_be_reached_falls_back_at_once_and_counts_as_before(city):
    told = city.ask(city.unit_of("v2"))
    lost_at_once(city, "v2")
    city.versions["v1"].answer()
    assert (told[0].version, told[0].fallback_from) == ("v1", "v2")
    assert city.counted("v2")["finished"] == {"error": 1}


def test_a_canary_without_a_fallback_is_not_waited_for_and_counts_as_before(ledger):
    city = City(ledger, fallback=False)
    told = city.ask(city.unit_of("v2"))
    lost_at_once(city, "v2")
    assert told[0].lost.reason == "connect"
    city.versions["v1"].answer()
    assert city.counted("v2")["finished"] == {"error": 1}


def test_waiting_for_a_restart_is_no_time_of_the_version_and_no_failure_within_the_deadline():
    city = City(begun(deployed("v1", "v2"), how="shadow"), cold_s=5.0)
    city.loop.pass_time(6.0)
    assert city.traffic.warm()
    told = city.ask()
    city.versions["v1"].fail("connect")
    city.loop.run()
    assert not city.traffic.warm()
    city.loop.pass_time(2.0)
    city.versions["v1"].answer()
    late = city.ask()
    while not late:
        if city.versions["v1"].sent:
            city.versions["v1"].fail("connect")
        city.loop.pass_time(0.05)
        city.traffic.expire()

    assert (told[0].lost, late[0].lost.reason) == (None, "deadline")
    assert city.counted("v1")["finished"] == {"ok": 1, "error": 1}


def test_a_version_that_gets_somebody_in_its_place_meanwhile_is_waited_for_no_longer(ledger):
    city = City(deployed("v1", "v2", "v3"))
    told = city.ask()
    city.versions["v1"].fail("connect")
    city.loop.run()
    city.follow(ledger)
    city.loop.pass_time(0.1)
    lost_at_once(city, "v1")
    city.versions["v2"].answer()
    assert (told[0].version, told[0].fallback_from) == ("v2", "v1")
