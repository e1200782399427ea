"""The benchmark of the verdict plays what it says, and what the verdict promises holds in it."""

import numpy as np
import pytest

from benchmarks import verdict
from benchmarks.judges import ours, promises, regressions, rollouts
from benchmarks.report import verdict as section
from rollout.verdict.verdict import RESTARTS

ROWS = {row.name: row for row in regressions.ROWS}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("errors", [0.001, 0.01])
@pytest.mark.parametrize("weight", [100, 500])
def test_a_candidate_that_fails_every_request_is_gone_after_five_at_most(rng, errors, weight):
    assert max(promises.dead_canary(errors, weight, rng, 3)) <= 5


def test_no_healthy_candidate_is_rolled_back_or_held_and_the_conductors_own_call_agrees(rng):
    nobody = {"rolled_back": 0, "held": 0}
    assert promises.healthy(rng, 4) == {"rollouts": 4, "default": nobody, "strict": nobody}


def test_a_second_opinion_that_differs_is_told(rng):
    seen, reference = rollouts.rollouts(rng, 2, ours.CANARY)
    logs = ours.capitals(ours.CANARY, ours.periods(seen), reference)
    off = ours.together(ours.CANARY, logs) + 0.1
    with pytest.raises(AssertionError):
        promises._agree(rng, seen, reference, ours.CANARY, logs, off)


@pytest.mark.parametrize("name", promises.ON_MARGIN)
def test_hardly_any_candidate_on_its_margin_gets_its_proof(rng, name):
    assert promises.on_margin(name, rng, 4)["certified"] <= 1


def test_a_restart_counts_from_the_first_look_at_which_the_candidate_had_served_so_many(rng):
    served = np.cumsum(rng.integers(0, 60, (3, 40)), axis=1)
    came = np.diff(served, axis=1, prepend=0)[..., None, None] * np.ones((1, 1, 2, 1), int)
    seen = ours.evidence({"finished": [ours.Came(["ok"], came)]}, np.full(40, 500))
    since = ours.periods(seen)[1].requests(ours.CANDIDATE)
    for run in range(3):
        look = int(np.argmax(served[run] >= RESTARTS[0]))
        assert since[run].tolist() == [
            max(0, count - served[run, look]) for count in served[run].tolist()
        ]
        assert ours.at(seen, run, look)[1][0].requests(ours.CANDIDATE) == served[run, look]
        assert ours.at(seen, run, look - 1)[1] == []


@pytest.mark.parametrize("name", ROWS)
def test_every_judge_is_asked_about_every_regression_and_ours_finds_it(rng, name):
    row = ROWS[name]
    found = regressions.detections(row, False, rng, 5)
    assert set(found) == set(verdict.JUDGES) - ({"gate"} if row.gate is None else set())
    assert np.median(found["ours"]) <= 2.5 * row.trial[0]


def test_a_slower_model_is_found_by_its_timed_pairs_and_an_equal_one_is_not(rng):
    assert max(regressions.timed(1.3, 0.0, 0.1, rng, 3)) <= 100
    assert min(regressions.timed(1.0, 0.0, 0.1, rng, 3)) == np.inf


def test_a_batch_is_the_same_whoever_plays_it():
    tasks = [task for task in verdict.tasks(20) if task.name.startswith(("dead", "accuracy"))]
    assert verdict.play(tasks, 2) == verdict.play(tasks[::-1], 1) | verdict.play(tasks, 1)


def test_the_page_shows_a_result_that_found_little():
    missing = {"runs": 4, "detected": 0.25, "median": None, "p90": None}
    found = {**missing, "detected": 1.0, "median": 3.0, "p90": 5.0}
    row = {
        **found,
        "trial_median": 2,
        "trial_p90": 5,
        "ratio": 1.5,
        "ratio_p90": 1.0,
        "within": False,
    }
    rivals = {judge: {**missing, "false_rollback": 0.5} for judge in ("ours", "kayenta")}
    text = section(
        {
            "runs": 4,
            "looks": 240,
            "false_rollback": 0.0,
            "false_rollback_strict": 0.01,
            "false_hold": 0.0,
            "false_hold_strict": 0.02,
            "false_promotion": {"errors": 0.03, "overall": 0.0},
            "regressions": {"errors": row},
            "latency_pairs": {"x1.2": missing},
            "dead_canary_requests": {"errors 1 %": {"runs": 4, "median": 3, "most": 4}},
            "late_onset": {**found, "before": 0.0},
            "rivals": {"errors": rivals},
            "us_per_verdict": {"median": 900, "first": 90_000, "restarts": 9},
        }
    )
    assert "finds 25 %" in text
    assert "1.50 / 1.00" in text
