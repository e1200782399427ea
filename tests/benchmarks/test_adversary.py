"""The adversary's driver is fair: time passes in order, a seed is a run, and the router, its lanes
and the controller see what a user or a version does.
"""

import os
import random
import time
from dataclasses import replace

import pytest

from benchmarks import report, verdict
from benchmarks.adversary import arrivals, goals, outages, trials
from benchmarks.adversary.counted_rollout import WORST, counted
from benchmarks.adversary.memory_stores import MemoryLabels, MemoryLedger
from benchmarks.adversary.outages import OUTAGES
from benchmarks.adversary.play import Ending, Stream, one_row, played
from benchmarks.adversary.rollout_plan import CANDIDATE, LADDER, STABLE, RolloutPlan, held_at
from benchmarks.adversary.scenarios import changed_answers, late_labels, repeated_ids
from benchmarks.adversary.scenarios import parts_of_the_traffic as parts
from benchmarks.adversary.scenarios import shared_outages as shared
from benchmarks.adversary.scenarios.sticky_users import failures, parity, sick
from benchmarks.adversary.simulated_version import SimulatedPool, SimulatedVersion
from benchmarks.adversary.stack import Contest, started
from benchmarks.adversary.virtual_time import EPOCH, VirtualLoop, virtual
from router.dispatch.upstream import Answer, Failure

HALF = held_at(5_000)
WELL = SimulatedVersion(parity)


def short(contest, seed=1, rate=60.0, until_s=20.0):
    """A short run of the contest."""
    return played(contest, Stream(rate, until_s, one_row), seed)


# Time and chance


def test_what_falls_due_is_called_in_the_order_of_its_time_and_then_as_it_came():
    loop, called = VirtualLoop(), []
    loop.call_later(2.0, called.append, "second")
    loop.call_later(1.0, called.append, "first")
    loop.call_later(2.0, lambda: loop.call_soon(called.append, "third"))
    loop.call_later(9.0, called.append, "later")
    loop.run_until(5.0)
    assert (called, loop.time()) == (["first", "second", "third"], 5.0)


def test_clocks_and_chance_are_the_runs_own_and_are_given_back():
    loop, before = VirtualLoop(), random.getstate()
    clocks = (time.time, time.monotonic, time.perf_counter, os.urandom)
    drawn = []
    for _ in range(2):
        with virtual(loop, 7):
            drawn.append((os.urandom(8), random.random()))
            loop.run_until(3.0)
            assert (time.time(), time.perf_counter()) == (EPOCH + 3.0, 3.0)

    assert drawn[0] == drawn[1]
    assert random.getstate() == before
    assert clocks == (time.time, time.monotonic, time.perf_counter, os.urandom)


def test_the_kth_user_comes_a_kth_as_often_as_the_first():
    people, chance = arrivals.Users(30, 1), random.Random(1)
    came = [people.one(chance) for _ in range(40_000)]
    first, third = (came.count(b"user-1-%d" % rank) for rank in (0, 2))
    assert len(set(came)) == 30
    assert first / third == pytest.approx(3.0, rel=0.1)


# The network


def exchanges(version, *sent_at, rows=1, timeout_s=4.0):
    """(seconds, outcome) of batches sent at these times."""
    loop, came = VirtualLoop(), []
    pool = SimulatedPool("v", loop, version)
    body = b'{"instances":[%b]}' % b",".join([b"4"] * rows)
    for at in sent_at:
        loop.call_at(
            at, pool.predict, body, lambda outcome: came.append((loop.time(), outcome)), timeout_s
        )

    loop.run_until(100.0)
    assert pool.in_flight == 0
    return came


def test_a_version_answers_one_batch_after_the_other():
    version = replace(WELL, batch_s=1.0, row_s=0.5)
    (first, answer), (second, _) = exchanges(version, 0.0, 0.0, rows=2)
    assert (first, second) == (2.0, 4.0)
    assert answer == Answer(200, [], b'{"predictions":[0,0],"errors":[],"classes":null}')


def test_a_version_that_is_down_refuses_connections_and_loses_what_it_had():
    version = replace(WELL, batch_s=1.0, row_s=0.0, down=lambda now: 0.5 <= now < 2.0)
    outcomes = [outcome for _, outcome in exchanges(version, 0.0, 0.6, 3.0)]
    assert [getattr(outcome, "reason", "") for outcome in outcomes] == ["connect", "closed", ""]


def test_an_answer_that_takes_too_long_is_a_time_out():
    [(at, outcome)] = exchanges(replace(WELL, stall_s=lambda _: 9.0), 0.0)
    assert (at, outcome.reason) == (4.0, "timeout")
    assert isinstance(outcome, Failure)


def test_a_row_that_fails_is_an_error_of_its_row_and_a_refused_batch_is_503():
    failing = SimulatedVersion(lambda _row, _now: 500)
    [(_, answer)] = exchanges(failing, 0.0)
    assert b'"errors":[{"row":0,"status":500' in answer.body
    [(_, refused)] = exchanges(replace(WELL, refuses=lambda _: True), 0.0)
    assert refused.status == 503


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_lasts_and_ends_on_both_versions(monkeypatch, kind):
    monkeypatch.setattr(outages, "FLAKES", 0.0)
    for first in (True, False):
        version = OUTAGES[kind](WELL, random.Random(1), 20.0, first)
        hurt = [at for at in range(80) if is_hurt(version, float(at))]
        assert 1 <= len(hurt) <= 10
        assert hurt == list(range(hurt[0], hurt[-1] + 1))
        assert hurt[0] >= 20


def is_hurt(version, now):
    """Whether a version fails any of a hundred batches at that time."""
    for _ in range(100):
        failed_row = isinstance(version.answer(1, now), int)
        if failed_row or version.refuses(now) or version.down(now) or version.stall_s(now):
            return True

    return False


# The stack


def test_a_seed_is_a_run():
    contest = Contest(RolloutPlan(HALF), SimulatedVersion(sick), WELL)
    runs = [short(contest, seed=3, until_s=70.0) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0].act == "rollback"
    assert 60.0 < runs[0].at_s < 70.0


def test_healthy_versions_answer_everybody_and_share_the_requests():
    with started(Contest(RolloutPlan(HALF), WELL, WELL), 1) as stack:
        chance = random.Random(1)
        for at in arrivals.times(chance, 60.0, 20.0):
            stack.loop.run_until(at)
            one_row(stack, chance)

        stack.loop.run_until(22.0)
        finished = {
            version: sum(body["finished"].values())
            for _, version, _, body in stack.dispatcher.tallies.rows()
        }
        assert (stack.failed, stack.unanswered, stack.acts) == (0, 0, [])
        assert sum(finished.values()) == stack.requests
        assert finished[CANDIDATE] / stack.requests == pytest.approx(0.5, abs=0.06)


def test_a_request_that_the_candidate_failed_is_answered_by_the_stable_version():
    dead = SimulatedVersion(lambda _row, _now: 500)
    with started(Contest(RolloutPlan(HALF), dead, WELL), 1) as stack:
        for _ in range(40):
            stack.send(b"1")

        stack.loop.run_until(0.5)
        assert (stack.requests, stack.unanswered) == (40, 0)
        assert 10 <= stack.failed <= 30


def test_a_healthy_candidate_takes_its_steps_and_is_released():
    ending = short(Contest(RolloutPlan(LADDER), WELL, WELL), rate=100.0, until_s=400.0)
    assert (ending.act, ending.failed) == ("promote", 0)


def test_the_ledger_takes_no_revision_twice():
    ledger = RolloutPlan(HALF).begun()
    store = MemoryLedger(ledger, lambda: 0.0)
    after = ledger.next()
    store.append(after.revision, after.to_body(), "step", "conductor", "", None)
    with pytest.raises(ValueError, match="not the next"):
        store.append(after.revision, after.to_body(), "step", "conductor", "", None)


# The scenarios


@pytest.mark.parametrize("users", trials.USERS)
def test_a_candidate_that_fails_all_sticky_users_is_gone_after_sixty_failures(users):
    assert failures(users, 2_500, 1) <= 60


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        pytest.param(kind, weight, marks=() if weight == ordinary else pytest.mark.soak)
        for kind, ordinary in (("batches refused, 0.3", 500), ("restarts, status 503", 5_000))
        for weight in trials.WEIGHTS
    ],
)
def test_an_outage_of_both_versions_rolls_nothing_back(kind, weight):
    assert shared.ending(kind, weight, 2).act == ""


def test_repeated_request_ids_are_draws_of_their_own(monkeypatch):
    monkeypatch.setattr(repeated_ids, "REQUESTS", 5_000)
    assert repeated_ids.ending(10, 1).act == ""


@pytest.mark.parametrize(
    "name",
    [
        "25 of 50 classes",
        "classes permuted",
        "scores collapsed",
        "values x1.1",
        "zeros become -5",
        "a constant",
    ],
)
def test_answers_that_changed_are_held(name):
    ending = changed_answers.ending(name, 1)
    assert (ending.act, "prediction" in ending.reason) == ("hold", True)


def test_a_harm_to_one_carrier_and_a_slow_tail_are_found():
    assert parts.failing_segment(1).act == "rollback"
    assert parts.slow_tail(1).act == "hold"


def test_labels_of_a_look_are_counted_by_version_weight_and_loss():
    plan, history = RolloutPlan(HALF), {"finished": {"ok": 1_000}, "waits": {"80": 1_000}}
    with counted(plan, history, MemoryLabels(), 1) as rollout:
        losses, labelled = {CANDIDATE: 0.5, STABLE: 0.0}, {CANDIDATE: 1.0, STABLE: 0.5}
        rollout.count(1_000, losses, labelled)
        levels = {(version, level): count for version, _, level, count in rollout.labels.levels(0)}
        first = rollout.labels.first(0, 100)

    assert levels[CANDIDATE, 0] == pytest.approx(250, abs=60)
    assert levels[CANDIDATE, WORST] == pytest.approx(250, abs=60)
    assert (levels[STABLE, 0], levels[STABLE, WORST]) == (pytest.approx(250, abs=60), 0)
    assert sum(count for *_, count in first) == 100
    assert {version for version, *_ in first} == {CANDIDATE, STABLE}


def test_a_much_larger_loss_is_rolled_back(monkeypatch):
    monkeypatch.setattr(late_labels, "WORSE_REQUESTS", 40_000)
    assert late_labels.requests_until_found(5_000, late_labels.MANY_BEFORE, 1) <= 40_000


# What is reported


def endings(*acts):
    """Endings with these acts, after 100 requests each."""
    return [Ending(act, f"because of {act}", 100, 0, 1.0) for act in acts]


def played_as(act, number):
    """Every trial with one run: this act, or this number."""
    played = {}
    for trial in trials.trials():
        played[trial.name] = endings(act)
        if trial.name.startswith(("30 users", "200 users", "2000 users", "loss 1")):
            played[trial.name] = [number]
        if trial.name.startswith("label gap"):
            played[trial.name] = [False]

    return played


def test_a_result_that_found_everything_reaches_its_goals_but_for_false_alarms():
    found = trials.summary(played_as("hold", 0.0))
    assert (found["fraud_hold"], found["permuted_found"], found["sticky_30"]) == (100, 100, 0)
    assert (found["request_id_false"], found["alike_held"], found["breaker_false"]) == (1, 1, 0)
    assert not goals.reached(found, 1.0)
    missed = [name for name in goals.GOALS if not goals.is_reached(name, found[name], 1.0)]
    assert missed == ["request_id_false", "capacity_held", "alike_held"]


def test_a_result_that_found_nothing_says_so():
    result = trials.summary(played_as("", float("inf")))
    assert result["fraud_hold"] is None
    assert (result["capacity_held"], result["outage_false"]) == (False, 0.0)
    assert goals.value_text(goals.GOALS["fraud_hold"], None) == "not found"
    assert goals.table(result).row_count == len(goals.GOALS) + 1
    lines = report._hostile_traffic(result)
    assert any("requests until hold | at most 20,000 | not found" in line for line in lines)
    assert report._hostile_traffic({}) == []


def test_a_median_is_of_all_runs_and_the_breaker_is_counted_by_its_name():
    few = trials.figures(
        [*endings("hold", "promote"), Ending("rollback", "breaker (v2 ...)", 300, 9, 1.0)]
    )
    assert (few["median"], few["released"], few["breaker"]) == (300, 1 / 3, 1 / 3)
    assert trials.figures(endings("", "", "hold"))["median"] is None


def test_a_quick_benchmark_plays_every_trial_once_and_a_full_one_as_often_as_it_says():
    hostile = {trial.name: trial.runs for trial in trials.trials()}
    for runs, expected in ((verdict.QUICK, dict.fromkeys(hostile, 1)), (verdict.RUNS, hostile)):
        batches: dict[str, int] = {}
        for task in verdict.tasks(runs):
            if task.name in hostile:
                batches[task.name] = batches.get(task.name, 0) + task.runs

        assert batches == expected
