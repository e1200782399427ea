"""What neither version answers speaks against neither, whoever was drawn, and a caller's own haste
against nobody.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.decide.transitions import ended
from rollout.verdict.evidence import merged
from rollout.verdict.sequential import log_against
from router.dispatch.cross_check import MOST_ROWS
from router.dispatch.dispatcher import MOST_FAILED_ROWS
from tests.router.fakes import DispatcherHarness, begun, deployed

MODEL_FAILED = ({"row": 0, "status": 500, "detail": "as asked"},)
ROW_AT_FAULT = ({"row": 0, "status": 422, "detail": "as asked"},)
OTHER = {"v1": "v2", "v2": "v1"}


@pytest.fixture
def ledger():
    return begun(deployed("v1", "v2", "v3"))


@pytest.fixture
def harness(ledger, tmp_path):
    return DispatcherHarness(ledger, units=tmp_path / "units")


def answered(harness, version, **how):
    """One request of a unit of this version, answered so."""
    replies = harness.ask(harness.unit_of(version))
    harness.versions[version].answer(**how)
    harness.loop.run()
    return replies


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("errors", "word"), [(ROW_AT_FAULT, "refused"), (MODEL_FAILED, "error")])
@pytest.mark.parametrize("others", [(), ROW_AT_FAULT, MODEL_FAILED])
def test_a_failure_counts_where_the_other_version_answers_the_same_rows(
    harness, version, errors, word, others
):
    answered(harness, version, errors=errors)
    assert "finished" not in harness.counted(version)
    assert len(harness.versions[OTHER[version]].sent) == 1
    harness.versions[OTHER[version]].answer(errors=others)
    assert harness.counted(version)["finished"] == {"neither" if others else word: 1}
    assert harness.counted(OTHER[version]) == {}


def test_the_user_is_told_before_the_other_version_is_asked(harness):
    replies = answered(harness, "v1", errors=ROW_AT_FAULT)
    assert replies[0].predicted.errors[0].status == 422
    assert len(harness.versions["v2"].sent) == 1


@pytest.mark.parametrize("reason", ["timeout", "closed"])
def test_a_version_that_does_not_answer_at_all_answers_these_rows_neither(harness, reason):
    answered(harness, "v1", errors=MODEL_FAILED)
    while harness.versions["v2"].sent:
        harness.versions["v2"].fail(reason)
        harness.loop.run()
    assert harness.counted("v1")["finished"] == {"neither": 1}


def test_where_the_other_version_cannot_be_asked_a_failure_counts_as_it_is(harness, ledger):
    harness.ask(harness.unit_of("v2"))
    rolling = harness.traffic.table.rolling
    harness.follow(ended(ledger, ledger.running()))
    harness.versions["v2"].answer(errors=ROW_AT_FAULT)
    bodies = {row[:3]: row[3] for row in harness.traffic.tallies.rows()}
    assert bodies[rolling.id, "v2", 2000]["finished"] == {"refused": 1}


def test_how_much_is_asked_is_bounded_and_the_rest_is_evidence_of_nothing(harness):
    for _ in range(int(MOST_ROWS)):
        answered(harness, "v1", errors=ROW_AT_FAULT)
        harness.versions["v2"].answer(errors=ROW_AT_FAULT)

    for version in ("v1", "v2"):
        answered(harness, version, errors=ROW_AT_FAULT)
        assert not harness.versions[OTHER[version]].sent

    assert harness.counted("v1")["finished"] == {"neither": int(MOST_ROWS) + 1}
    assert harness.counted("v2")["finished"] == {"neither": 1}
    harness.loop.now += 1.0
    answered(harness, "v2", errors=ROW_AT_FAULT)
    assert len(harness.versions["v1"].sent) == 1


def test_of_a_large_request_only_rows_at_fault_are_asked_about(harness):
    harness.ask(harness.unit_of("v2"), rows=range(400))
    while harness.versions["v2"].sent:
        harness.versions["v2"].answer(
            errors=[{"row": row, "status": 422, "detail": "as asked"} for row in range(400)]
        )
        harness.loop.run()

    assert len(harness.versions["v1"].sent) == 1
    assert harness.traffic.lanes["v1"].rows_in_flight == MOST_FAILED_ROWS
    harness.versions["v1"].answer()
    assert harness.counted("v2")["finished"] == {"refused": 1}


def test_nothing_is_asked_outside_of_a_judged_rollout():
    for ledger in (deployed("v1", "v2"), begun(deployed("v1", "v2"), auto=False)):
        harness = DispatcherHarness(ledger)
        answered(harness, "v1", errors=ROW_AT_FAULT)
        assert not harness.versions["v2"].sent
        assert harness.counted("v1")["finished"] == {"refused": 1}


def test_a_unit_that_comes_again_makes_nothing_be_asked(harness):
    unit = harness.unit_of("v1")
    for _ in range(3):
        harness.ask(unit)
        harness.versions["v1"].answer(errors=ROW_AT_FAULT)
        harness.loop.run()

    assert len(harness.versions["v2"].sent) == 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from([(), ROW_AT_FAULT, MODEL_FAILED])),
        max_size=30,
    )
)
def test_rows_that_neither_version_answers_are_no_evidence_however_they_are_sent(rows):
    """Even of who could choose the version for each of them."""
    harness = DispatcherHarness(begun(deployed("v1", "v2")))
    for version, errors in rows:
        answered(harness, version, errors=errors)
        if errors:
            harness.versions[OTHER[version]].answer(errors=errors)
            harness.loop.run()

    evidence = merged("v2", "v1", [(name, 2000, harness.counted(name)) for name in ("v1", "v2")])
    for tables in (evidence.errors(), evidence.refusals()):
        assert all(table[..., 1].sum() == 0 for table in tables.values())


def test_leaving_out_what_neither_answers_leaves_a_bet_its_mean():
    """Over both outcomes of the coin, for every pair of answers: the payoffs differ by nothing in
    the mean.
    """
    share, centre = 0.2, 0.01
    for candidate, stable in ((1, 1), (1, 0), (0, 1), (0, 0)):
        worth = []
        for mine, theirs in (
            (candidate, stable),
            (candidate and not stable, stable and not candidate),
        ):
            payoff = share * (mine - centre) / share - (1 - share) * (theirs - centre) / (1 - share)
            worth.append(payoff)
        assert worth[0] == pytest.approx(worth[1])

    table = {share: np.array([[20.0, 0.0], [80.0, 0.0]])}
    assert float(log_against(table, centre)) <= 0.3


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_callers_own_deadline_is_no_evidence_and_what_comes_after_it_is(harness, version):
    replies = harness.hurry(harness.unit_of(version), 0.001)
    harness.loop.now += 0.01
    harness.traffic.expire()
    assert replies[0].lost.reason == "deadline"
    assert "finished" not in harness.counted(version)
    harness.versions[version].answer()
    assert harness.counted(version)["finished"] == {"ok": 1}


def test_a_version_that_fails_after_its_callers_own_deadline_has_failed(harness):
    harness.hurry(harness.unit_of("v2"), 0.001)
    harness.loop.now += 0.01
    harness.traffic.expire()
    harness.versions["v2"].answer(errors=MODEL_FAILED)
    harness.loop.run()
    harness.versions["v1"].answer()
    assert harness.counted("v2")["finished"] == {"error": 1}


@pytest.mark.parametrize("late", [True, False])
def test_a_hurried_caller_does_not_hide_that_the_other_version_fails_too(harness, late):
    """Its deadline passes while the other version is asked in its place."""
    harness.hurry(harness.unit_of("v2"), 0.05)
    harness.versions["v2"].answer(errors=MODEL_FAILED)
    if late:
        harness.loop.run()

    harness.loop.now += 0.1
    harness.traffic.expire()
    harness.loop.run()
    harness.versions["v1"].answer(errors=MODEL_FAILED)
    assert harness.counted("v2")["finished"] == {"neither": 1}


def test_the_routers_own_deadline_is_a_matter_of_time_and_bets_on_no_draw(harness):
    replies = harness.ask(harness.unit_of("v2"))
    harness.loop.now += 10.0
    harness.traffic.expire()
    harness.loop.run()
    assert replies[0].lost.reason == "deadline"
    assert harness.counted("v2")["finished"] == {"neither": 1}


def test_a_request_of_more_rows_than_a_batch_that_is_late_is_no_evidence(harness):
    harness.ask(
        harness.unit_of("v2"), rows=range(harness.traffic.settings.limits.max_batch_rows + 1)
    )
    harness.loop.now += 10.0
    harness.traffic.expire()
    harness.loop.run()
    assert "finished" not in harness.counted("v2")
    assert harness.traffic.counts.flat()["requests\x1fv2\x1fserving\x1f504"] == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("acting", ["v1", "v2"])
@pytest.mark.parametrize(("errors", "word"), [(ROW_AT_FAULT, "refused"), (MODEL_FAILED, "error")])
@pytest.mark.parametrize("others", [(), MODEL_FAILED])
def test_where_predictions_change_something_a_failure_counts_and_nobody_else_is_asked_for_it(
    ledger, tmp_path, version, acting, errors, word, others
):
    """Alike for both versions, also where the fallback of the one answers its user."""
    changed = replace(ledger.version(acting), side_effects=True)
    harness = DispatcherHarness(ledger.with_version(changed), units=tmp_path / "units")
    answered(harness, version, errors=errors)
    assert harness.counted(version)["finished"] == {word: 1}
    falls_back = version == "v2" and errors == MODEL_FAILED
    assert len(harness.versions[OTHER[version]].sent) == falls_back
    if falls_back:
        harness.versions["v1"].answer(errors=others)
        harness.loop.run()

    assert harness.counted(version)["finished"] == {word: 1}
