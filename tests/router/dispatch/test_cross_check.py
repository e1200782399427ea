"""What neither version answers speaks against neither, whoever was drawn, and a caller's own haste
against nobody.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.decide.transitions import ended
from rollout.verdict.evidence import merged
from rollout.verdict.sequential import log_against
from router.dispatch.cross_check import MOST_ROWS
from router.dispatch.dispatcher import MOST_FAILED_ROWS
from tests.router.toys import City, begun, deployed

MODEL_FAILED = ({"row": 0, "status": 500, "detail": "as asked"},)
ROW_AT_FAULT = ({"row": 0, "status": 422, "detail": "as asked"},)
OTHER = {"v1": "v2", "v2": "v1"}


@pytest.fixture
def ledger():
    return begun(deployed("v1", "v2", "v3"))


@pytest.fixture
def city(ledger, tmp_path):
    return City(ledger, units=tmp_path / "units")


def answered(city, version, **how):
    """One request of a unit of this version, answered so."""
    told = city.ask(city.unit_of(version))
    city.versions[version].answer(**how)
    city.loop.run()
    return told


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("errors", "word"), [(ROW_AT_FAULT, "refused"), (MODEL_FAILED, "error")])
@pytest.mark.parametrize("others", [(), ROW_AT_FAULT, MODEL_FAILED])
def test_a_failure_counts_where_the_other_version_answers_the_same_rows(
    city, version, errors, word, others
):
    answered(city, version, errors=errors)
    assert "finished" not in city.counted(version)
    assert len(city.versions[OTHER[version]].sent) == 1
    city.versions[OTHER[version]].answer(errors=others)
    assert city.counted(version)["finished"] == {"neither" if others else word: 1}
    assert city.counted(OTHER[version]) == {}


def test_the_user_is_told_before_the_other_version_is_asked(city):
    told = answered(city, "v1", errors=ROW_AT_FAULT)
    assert told[0].predicted.errors[0].status == 422
    assert len(city.versions["v2"].sent) == 1


@pytest.mark.parametrize("reason", ["timeout", "closed"])
def test_a_version_that_does_not_answer_at_all_answers_these_rows_neither(city, reason):
    answered(city, "v1", errors=MODEL_FAILED)
    while city.versions["v2"].sent:
        city.versions["v2"].fail(reason)
        city.loop.run()
    assert city.counted("v1")["finished"] == {"neither": 1}


def test_where_the_other_version_cannot_be_asked_a_failure_counts_as_it_is(city, ledger):
    city.ask(city.unit_of("v2"))
    rolling = city.traffic.table.rolling
    city.follow(ended(ledger, ledger.running()))
    city.versions["v2"].answer(errors=ROW_AT_FAULT)
    bodies = {row[:3]: row[3] for row in city.traffic.tallies.rows()}
    assert bodies[rolling.id, "v2", 2000]["finished"] == {"refused": 1}


def test_how_much_is_asked_is_bounded_and_the_rest_is_evidence_of_nothing(city):
    for _ in range(int(MOST_ROWS)):
        answered(city, "v1", errors=ROW_AT_FAULT)
        city.versions["v2"].answer(errors=ROW_AT_FAULT)

    for version in ("v1", "v2"):
        answered(city, version, errors=ROW_AT_FAULT)
        assert not city.versions[OTHER[version]].sent

    assert city.counted("v1")["finished"] == {"neither": int(MOST_ROWS) + 1}
    assert city.counted("v2")["finished"] == {"neither": 1}
    city.loop.now += 1.0
    answered(city, "v2", errors=ROW_AT_FAULT)
    assert len(city.versions["v1"].sent) == 1


def test_of_a_large_request_only_rows_at_fault_are_asked_about(city):
    city.ask(city.unit_of("v2"), rows=range(400))
    while city.versions["v2"].sent:
        city.versions["v2"].answer(
            errors=[{"row": row, "status": 422, "detail": "as asked"} for row in range(400)]
        )
        city.loop.run()

    assert len(city.versions["v1"].sent) == 1
    assert city.traffic.lanes["v1"].rows_in_flight == MOST_FAILED_ROWS
    city.versions["v1"].answer()
    assert city.counted("v2")["finished"] == {"refused": 1}


def test_nothing_is_asked_outside_of_a_judged_rollout():
    for ledger in (deployed("v1", "v2"), begun(deployed("v1", "v2"), auto=False)):
        city = City(ledger)
        answered(city, "v1", errors=ROW_AT_FAULT)
        assert not city.versions["v2"].sent
        assert city.counted("v1")["finished"] == {"refused": 1}


def test_a_unit_that_comes_again_makes_nothing_be_asked(city):
    unit = city.unit_of("v1")
    for _ in range(3):
        city.ask(unit)
        city.versions["v1"].answer(errors=ROW_AT_FAULT)
        city.loop.run()

    assert len(city.versions["v2"].sent) == 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from([(), ROW_AT_FAULT, MODEL_FAILED])),
        max_size=30,
    )
)
def test_rows_that_neither_version_answers_are_no_evidence_however_they_are_sent(rows):
    """Even of who could choose the version for each of them."""
    city = City(begun(deployed("v1", "v2")))
    for version, errors in rows:
        answered(city, version, errors=errors)
        if errors:
            city.versions[OTHER[version]].answer(errors=errors)
            city.loop.run()

    evidence = merged("v2", "v1", [(name, 2000, city.counted(name)) for name in ("v1", "v2")])
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
def test_a_callers_own_deadline_is_no_evidence_and_what_comes_after_it_is(city, version):
    told = city.hurry(city.unit_of(version), 0.001)
    city.loop.now += 0.01
    city.traffic.expire()
    assert told[0].lost.reason == "deadline"
    assert "finished" not in city.counted(version)
    city.versions[version].answer()
    assert city.counted(version)["finished"] == {"ok": 1}


def test_a_version_that_fails_after_its_callers_own_deadline_has_failed(city):
    city.hurry(city.unit_of("v2"), 0.001)
    city.loop.now += 0.01
    city.traffic.expire()
    city.versions["v2"].fail("timeout")
    city.loop.run()
    city.versions["v1"].answer()
    assert city.counted("v2")["finished"] == {"error": 1}


@pytest.mark.parametrize("late", [True, False])
def test_a_hurried_caller_does_not_hide_that_the_other_version_fails_too(city, late):
    """Its deadline passes while the other version is asked in its place."""
    city.hurry(city.unit_of("v2"), 0.05)
    city.versions["v2"].answer(errors=MODEL_FAILED)
    if late:
        city.loop.run()

    city.loop.now += 0.1
    city.traffic.expire()
    city.loop.run()
    city.versions["v1"].answer(errors=MODEL_FAILED)
    assert city.counted("v2")["finished"] == {"neither": 1}


def test_the_routers_own_deadline_is_the_versions_failure(city):
    told = city.ask(city.unit_of("v2"))
    city.loop.now += 10.0
    city.traffic.expire()
    city.loop.run()
    city.versions["v1"].answer()
    assert told[0].lost.reason == "deadline"
    assert city.counted("v2")["finished"] == {"error": 1}


def test_a_request_of_more_rows_than_a_batch_that_is_late_is_no_evidence(city):
    city.ask(city.unit_of("v2"), rows=range(city.traffic.settings.limits.max_batch_rows + 1))
    city.loop.now += 10.0
    city.traffic.expire()
    city.loop.run()
    assert "finished" not in city.counted("v2")
    assert city.traffic.counts.flat()["requests\x1fv2\x1fserving\x1f504"] == 1


def test_a_callers_own_deadline_is_no_failure_beside_the_old_version(tmp_path):
    city = City(begun(deployed("v1", "v2"), how="blue-green"), units=tmp_path)
    city.hurry(b"anna", 0.001)
    city.loop.now += 0.01
    city.traffic.expire()
    assert "answers" not in city.counted("v2", 10_000)


def test_a_refusal_of_the_old_version_is_no_answer_beside_a_failure(tmp_path):
    city = City(begun(deployed("v1", "v2"), how="blue-green"), units=tmp_path)
    city.ask()
    city.versions["v2"].answer(errors=MODEL_FAILED)
    city.loop.run()
    city.versions["v1"].answer(errors=ROW_AT_FAULT)
    assert "answers" not in city.counted("v2", 10_000)
