"""Outages: events in time, however many requests they cost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.verdict import judge
from tests.rollout.evidence_factory import CANARY, evidence

RULE = next(rule for rule in CANARY.rules if rule.name == "outages")
SLOTS = st.sets(st.integers(0, 200), max_size=30)


def seen(candidate: set[int], stable: set[int], times: int = 1) -> Evidence:
    """The evidence of outages in these slots, of so many in each."""
    return evidence(
        ("v2", 2_500, {"outages": {str(slot): times for slot in candidate}}),
        ("v1", 2_500, {"outages": {str(slot): times for slot in stable}}),
    )


@given(candidate=SLOTS, stable=SLOTS)
def test_what_strikes_both_counts_for_neither(candidate: set[int], stable: set[int]) -> None:
    mine, theirs = seen(candidate, stable).outages()
    assert (mine, theirs) == (len(candidate - stable), len(stable - candidate))


@given(slots=SLOTS, times=st.integers(1, 500))
def test_how_many_requests_an_outage_costs_does_not_matter(slots: set[int], times: int) -> None:
    once = SIGNALS["outages"].against(RULE, seen(slots, set()), Reference())
    often = SIGNALS["outages"].against(RULE, seen(slots, set(), times), Reference())
    assert float(once) == pytest.approx(float(often))


def test_a_restart_of_each_version_is_no_evidence_and_one_of_the_candidate_is_weak() -> None:
    assert float(SIGNALS["outages"].against(RULE, seen({1}, {7}), Reference())) <= 0.0
    assert float(SIGNALS["outages"].against(RULE, seen({1, 5}, set()), Reference())) < math.log(4)


def test_a_candidate_that_goes_away_again_and_again_goes_back() -> None:
    verdict = judge(seen(set(range(14)), {3}), (), Reference(), CANARY)
    assert (verdict.word, verdict.because) == ("fail", ("outages",))


def test_workers_of_one_machine_see_one_outage() -> None:
    workers = [("v2", 2_500, {"outages": {"7": 1}})] * 4
    assert evidence(*workers).outages()[0] == 1


def test_a_mark_leaves_what_came_since() -> None:
    before, now = seen({1, 2}, {9}), seen({1, 2, 3}, {9})
    mine, theirs = now.periods([before]).outages()
    np.testing.assert_array_equal(mine, [3, 1])
    np.testing.assert_array_equal(theirs, [1, 0])


def test_a_candidate_that_was_away_just_now_is_neither_stepped_nor_released() -> None:
    counted = seen({10}, {12})
    assert counted.was_away(10 * 30.0)
    assert counted.was_away(12 * 30.0 - 1)
    assert not counted.was_away(12 * 30.0)
    assert not seen(set(), {12}).was_away(12 * 30.0)
