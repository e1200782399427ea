"""What is taken to be normal: rates that are never nothing or all, and thresholds only of enough
requests.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict.baseline import (
    ENOUGH,
    ENOUGH_LABELS,
    QUANTILES,
    Reference,
    enough,
    reference_of,
    reference_of_body,
)
from tests.rollout.ledger_commands import quick

amounts = st.integers(0, 2_000)
tallies = st.fixed_dictionaries(
    {
        "finished": st.fixed_dictionaries({"ok": amounts, "error": amounts, "refused": amounts}),
        "labels": st.dictionaries(st.sampled_from(("0", "8", "16")), amounts),
        "waits": st.dictionaries(st.integers(0, 300).map(str), st.integers(1, 400), max_size=9),
        "values": st.dictionaries(st.integers(-300, 300).map(str), st.integers(1, 400), max_size=9),
        "classes": st.dictionaries(
            st.sampled_from(("late", "on time", "cancelled")), st.integers(1, 400)
        ),
    }
)


@quick
@given(tallies)
def test_every_rate_is_one_that_can_be_bet_on_and_thresholds_grow(tally: dict[str, Any]) -> None:
    normal = reference_of(tally)
    shares = [
        share for table in (normal.waits, normal.values, normal.classes) for _, share in table
    ]
    assert all(
        0 < rate < 1
        for rate in (normal.errors, normal.refused, normal.loss or 0.5, normal.noise, *shares)
    )
    for thresholds in (normal.waits, normal.values):
        assert list(thresholds) == sorted(thresholds)
        assert [share for _, share in thresholds] == sorted(
            (share for _, share in thresholds), reverse=True
        )


@quick
@given(tallies)
def test_the_stored_form_gives_the_same_reference_back(tally: dict[str, Any]) -> None:
    normal = reference_of(tally)
    assert reference_of_body(json.loads(json.dumps(normal.to_body(), allow_nan=False))) == normal


def test_without_a_history_the_usual_is_taken() -> None:
    assert reference_of({}) == Reference()
    assert not enough({})


def test_a_distribution_is_taken_of_enough_requests_only() -> None:
    for count, known in ((ENOUGH - 1, False), (ENOUGH, True)):
        tally = {"waits": {"100": count}, "values": {"7": count}, "classes": {"late": count}}
        normal = reference_of(tally)
        assert enough(tally) is known
        assert [bool(table) for table in (normal.waits, normal.values, normal.classes)] == [
            known
        ] * 3


def test_a_rate_is_the_stable_versions_own_as_far_as_it_is_known() -> None:
    assert reference_of({"finished": {"ok": 999_000, "error": 9_000}}).errors == pytest.approx(
        0.009, rel=0.02
    )
    assert reference_of({"finished": {"ok": 9}}).errors == pytest.approx(0.001, rel=0.02)
    assert reference_of({"finished": {"error": 10**9}}).errors == 0.5
    assert reference_of({"labels": {"0": 7_500, "8": 5_000}}).loss == pytest.approx(0.2, rel=0.01)
    assert reference_of({"labels": {"0": 490, "16": 10}}).loss == pytest.approx(0.02, rel=0.1)
    assert reference_of({"labels": {"0": 10**6}}).loss == 0.001


def test_a_threshold_is_the_bin_above_a_quantile_with_the_share_that_lies_there() -> None:
    waits = {str(index): 100 for index in range(10)}
    normal = reference_of({"waits": waits})
    assert dict(normal.waits)[5] == pytest.approx(0.5, rel=0.01)
    assert dict(normal.waits)[9] == pytest.approx(0.1, rel=0.01)
    assert len(normal.waits) <= len(QUANTILES)


def test_classes_have_their_shares_and_leave_room_for_one_that_is_new() -> None:
    shares = dict(reference_of({"classes": {"late": 200, "on time": 800}}).classes)
    assert shares == {
        "late": pytest.approx(0.2, abs=0.002),
        "on time": pytest.approx(0.8, abs=0.002),
    }
    assert sum(shares.values()) < 1


def test_of_few_labels_no_loss_is_taken_and_none_is_written() -> None:
    unknown = reference_of({"labels": {"16": ENOUGH_LABELS - 1}})
    assert unknown.loss is None
    assert "loss" not in unknown.to_body()
    assert reference_of_body(unknown.to_body()) == unknown
    assert reference_of({"labels": {"16": ENOUGH_LABELS}}).to_body()["loss"] == 0.95
