"""The evidence snapshot: what is frozen is frozen once, thresholds count from when they stand, and
a failure is never lost again.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from rollout.decide.reconcile import flagged
from rollout.state.ledger import Ledger
from rollout.verdict.baseline import ENOUGH, Reference, reference_of, reference_of_body
from rollout.verdict.evidence import from_body
from rollout.verdict.evidence_snapshot import (
    FAILED,
    LOSS,
    REFERENCE,
    EvidenceSnapshot,
    evidence_snapshot,
    history_of,
    judged_late,
    latched,
    restart_names,
)
from rollout.verdict.report import JudgingInput
from rollout.verdict.verdict import RESTARTS
from tests.rollout.evidence_factory import Row, finished, kind
from tests.rollout.ledger_commands import STARTED, ledger_after, verdict_of

CANARY = ledger_after("canary v2 --auto", ledger=STARTED, now=100.0)
ROLLOUT = CANARY.running()
HISTORY = {
    "finished": {"ok": 5_000, "error": 50},
    "waits": {"100": 5_000},
    "classes": {"late": 900, "on time": 4_100},
}
FEW = {"finished": {"ok": 20}, "waits": {"100": 20}}


def opened(*rows: Row, labels: Any = (), marks: Any = None) -> EvidenceSnapshot:
    """The snapshot of these counts."""
    return evidence_snapshot(ROLLOUT, rows, labels, marks or {})


def served(count: int) -> tuple[Row, Row]:
    """So many requests of the candidate."""
    return finished(500, {"ok": count}, {"ok": 19 * count})


def test_counts_and_labels_of_all_workers_are_one_evidence() -> None:
    snapshot = opened(
        *served(3), *served(4), labels=[("v2", 500, 0, 5), ("v2", 500, 16, 1), ("v1", 500, 0, 9)]
    )
    assert snapshot.evidence.requests("v2") == 7
    assert snapshot.evidence.of("v2", "labels") == {"0": 5, "16": 1}
    assert snapshot.evidence.of("v1", "labels") == {"0": 9}


def test_pairs_are_counted_by_how_much_more_the_candidate_lost() -> None:
    pairs = [(0, 0, 50), (16, 16, 4), (16, 0, 3), (0, 16, 2), (12, 8, 1)]
    snapshot = evidence_snapshot(ROLLOUT, (), (), {}, pairs)
    assert snapshot.evidence.of("v2", "paired") == {"0": 54, "16": 3, "-16": 2, "4": 1}
    assert snapshot.evidence.paired()[[0, 16, 20, 32]].tolist() == [2, 54, 1, 3]


def test_what_the_candidate_served_is_counted_at_its_present_weight() -> None:
    snapshot = opened(*served(3), *finished(2_500, {"ok": 8, "error": 1}, {}))
    assert (snapshot.served(500), snapshot.served(2_500), snapshot.served(5_000)) == (3, 9, 0)


def test_a_rollout_that_is_not_judged_has_no_case() -> None:
    by_hand = ledger_after("canary v2", ledger=STARTED).running()
    assert evidence_snapshot(by_hand, (), (), {}).case(500, 0.0) is None


def test_a_case_has_the_time_it_runs_and_the_weight_now() -> None:
    case = opened().case(500, 160.0)
    assert case is not None
    assert (case.running_s, case.weight, case.marks, case.reference) == (60.0, 500, [], Reference())


# The reference.


def test_a_history_that_is_long_enough_is_the_reference_from_the_start() -> None:
    fresh = opened().to_freeze(HISTORY)
    assert list(fresh) == [REFERENCE]
    assert reference_of_body(fresh[REFERENCE]["reference"]) == reference_of(HISTORY)
    assert fresh[REFERENCE]["since"] is None


def test_what_is_frozen_is_not_frozen_again() -> None:
    rows = served(RESTARTS[1])
    marks = opened(*rows).to_freeze(HISTORY)
    assert list(marks) == [REFERENCE, *restart_names()[:2]]
    assert opened(*rows, marks=marks).to_freeze({**HISTORY, "waits": {"7": 9_999}}) == {}
    assert json.loads(json.dumps(marks, allow_nan=False)) == marks


def test_without_a_history_the_thresholds_are_the_stable_versions_own_once_it_has_enough() -> None:
    before = opened(*served(1), *kind("waits", 500, {"100": 9}, {"100": ENOUGH - 1}))
    assert before.to_freeze(FEW) == {}
    rows = (*served(1), *kind("waits", 500, {"100": 9}, {"100": ENOUGH}))
    fresh = opened(*rows).to_freeze(FEW)
    normal = reference_of_body(fresh[REFERENCE]["reference"])
    assert normal.waits == reference_of({"waits": {"100": ENOUGH}}).waits
    assert (normal.errors, normal.refused, normal.loss) == (
        Reference().errors,
        Reference().refused,
        Reference().loss,
    )


def test_thresholds_count_from_the_moment_that_they_stand_and_the_rest_from_the_start() -> None:
    rows = (*served(9), *kind("waits", 500, {"100": 9}, {"100": ENOUGH}))
    marks = opened(*rows).to_freeze(FEW)
    more = (*rows, *served(2), *kind("waits", 500, {"100": 2}, {"100": 40}))
    case = opened(*more, marks=marks).case(500, 160.0)
    assert case is not None
    assert (case.evidence.of("v2", "waits"), case.evidence.of("v1", "waits")) == (
        {"100": 2},
        {"100": 40},
    )
    assert case.evidence.requests("v2") == 11


def test_thresholds_of_a_history_count_from_the_start() -> None:
    rows = (*served(9), *kind("waits", 500, {"100": 9}, {"100": ENOUGH}))
    case = opened(*rows, marks=opened(*rows).to_freeze(HISTORY)).case(500, 160.0)
    assert case is not None
    assert case.evidence.of("v2", "waits") == {"100": 9}


def test_a_restart_from_before_the_thresholds_stood_counts_none_of_what_made_them() -> None:
    first = served(RESTARTS[0])
    marks = opened(*first).to_freeze({})
    made = (*first, *kind("waits", 500, {"100": 9}, {"100": ENOUGH}))
    marks |= opened(*made, marks=marks).to_freeze({})
    assert list(marks) == [restart_names()[0], REFERENCE]
    case = opened(*made, *kind("waits", 500, {"100": 2}, {"100": 3}), marks=marks).case(500, 160.0)
    assert case is not None
    (restart,) = case.marks
    came = case.evidence.since(restart)
    assert (came.of("v2", "waits"), came.of("v1", "waits")) == ({"100": 2}, {"100": 3})


def test_the_history_is_the_stable_versions_own_whatever_its_weight_was() -> None:
    rows: list[Row] = [
        ("v1", 0, {"finished": {"ok": 3}}),
        ("v1", 10_000, {"finished": {"ok": 4}}),
        ("v2", 0, {"finished": {"ok": 9}}),
    ]
    assert history_of(rows, "v1") == {"finished": {"ok": 7}}
    assert history_of(rows, "v9") == {}


# The loss that bets on labels are centred at.

LABELLED = {**HISTORY, "labels": {"0": 980, "16": 20}}
OWN = [("v1", 500, 0, 90), ("v1", 500, 16, 6), ("v2", 500, 0, 3), ("v2", 500, 16, 1)]
"""The first hundred labels of a rollout."""


def case_of(snapshot: EvidenceSnapshot) -> JudgingInput:
    case = snapshot.case(500, 160.0)
    assert case is not None
    return case


def frozen(labels: Any, marks: Any, history: Any) -> dict[str, Any]:
    """The marks after those of these labels were frozen, as they come back from the database."""
    due = opened(labels=labels, marks=marks).to_freeze(history, OWN)
    stored: dict[str, Any] = json.loads(json.dumps({**marks, **due}, allow_nan=False))
    return stored


@pytest.mark.parametrize("history", [LABELLED, {**FEW, "labels": LABELLED["labels"]}])
def test_the_loss_of_labels_from_before_is_the_centre_and_all_labels_of_the_rollout_count(
    history: Any,
) -> None:
    made = [*served(1), *kind("waits", 500, {"100": 9}, {"100": ENOUGH})]
    marks = opened(*made).to_freeze(history)
    assert list(marks) == [REFERENCE]
    case = case_of(opened(labels=OWN, marks=marks))
    assert case.reference.loss == pytest.approx(21 / 1_002)
    assert sum(case.evidence.of("v1", "labels").values()) == 96
    assert frozen(OWN, marks, history) == json.loads(json.dumps(marks))


def test_without_labels_from_before_the_first_hundred_are_the_centre_and_none_of_the_evidence() -> (
    None
):
    waiting = frozen(OWN[:-1], {}, HISTORY)
    assert list(waiting) == [REFERENCE]
    assert case_of(opened(labels=OWN[:-1], marks=waiting)).reference.loss is None
    marks = frozen(OWN, waiting, HISTORY)
    assert list(marks) == [REFERENCE, LOSS]
    later = [*OWN, ("v2", 500, 16, 4), ("v1", 500, 0, 70), ("v1", 2_500, 8, 5)]
    case = case_of(opened(labels=later, marks=frozen(later, marks, LABELLED)))
    assert case.reference.loss == pytest.approx(8 / 102)
    assert case.evidence.of("v2", "labels") == {"0": 0, "16": 4}
    assert case.evidence.of("v1", "labels") == {"0": 70, "16": 0, "8": 5}


def test_of_labels_that_come_all_at_once_only_the_first_hundred_are_not_counted() -> None:
    night = [*OWN, ("v2", 500, 16, 40), ("v1", 500, 0, 860)]
    case = case_of(opened(labels=night, marks=frozen(night, {}, HISTORY)))
    assert case.reference.loss == pytest.approx(8 / 102)
    assert case.evidence.of("v2", "labels") == {"0": 0, "16": 40}
    assert case.evidence.of("v1", "labels") == {"0": 860, "16": 0}


def test_the_centre_is_the_same_whichever_version_lost() -> None:
    swapped = [({"v1": "v2", "v2": "v1"}[version], *rest) for version, *rest in OWN]
    marks = [opened(labels=labels).to_freeze(HISTORY, labels) for labels in (OWN, swapped)]
    assert marks[0][LOSS]["loss"] == marks[1][LOSS]["loss"] == pytest.approx(8 / 102)


def test_labels_of_pairs_are_none_of_the_first_hundred() -> None:
    assert not opened(labels=[*OWN[1:], ("v1", 0, 0, 90)]).lacks_loss


def test_a_restart_from_before_the_centre_stood_counts_none_of_what_made_it() -> None:
    marks = opened(*served(RESTARTS[0]), labels=OWN[:2]).to_freeze({})
    marks = {**marks, **opened(labels=OWN, marks=marks).to_freeze({}, OWN)}
    assert list(marks) == [restart_names()[0], LOSS]
    case = case_of(opened(labels=[*OWN, ("v2", 500, 16, 4)], marks=marks))
    came = case.evidence.since(case.marks[0])
    assert came.of("v2", "labels") == {"0": 0, "16": 4}
    assert sum(came.of("v1", "labels").values()) == 0


def test_a_rollout_of_before_goes_on_with_the_loss_that_it_began_with() -> None:
    marks = {REFERENCE: {"reference": {"errors": 0.01, "loss": 0.2}, "since": None}}
    assert LOSS not in opened(labels=OWN, marks=marks).to_freeze(LABELLED, OWN)
    case = case_of(opened(labels=OWN, marks=marks))
    assert (case.reference.loss, sum(case.evidence.of("v1", "labels").values())) == (0.2, 96)


# The restarts.


@pytest.mark.parametrize(
    ("count", "marks"), [(0, 0), (249, 0), (250, 1), (499, 1), (500, 2), (1_000_000, 9)]
)
def test_a_restart_is_marked_when_the_candidate_has_served_so_many(count: int, marks: int) -> None:
    assert list(opened(*served(count)).to_freeze({})) == restart_names()[:marks]


def test_a_restart_keeps_the_evidence_as_it_was_and_the_case_has_them_in_order() -> None:
    marks = opened(*served(250)).to_freeze({})
    marks |= opened(*served(600), marks=marks).to_freeze({})
    case = opened(*served(700), marks=dict(reversed(marks.items()))).case(500, 160.0)
    assert case is not None
    assert [mark.requests("v2") for mark in case.marks] == [250, 600]
    assert from_body(marks["restart-250"]).requests("v1") == 19 * 250


# The failure.


def test_a_failure_that_was_found_stays_one() -> None:
    healthy, marks = verdict_of("pass", "errors"), {FAILED: {"because": ["latency"]}}
    assert latched(healthy, {}) == healthy
    assert latched(healthy, marks) == replace(healthy, word="fail", because=("latency",))
    failing = verdict_of("fail", "errors")
    assert latched(failing, marks) == failing


# What is judged although it is over.


def test_labels_of_what_was_released_by_itself_are_judged_until_they_are_said_or_it_is_gone() -> (
    None
):
    released = ledger_after("canary v2 --steps 5 --auto", "tick pass", ledger=STARTED)
    assert judged_late(released) == released.last
    assert released.last is not None
    assert released.last.candidate == "v2"
    marked = flagged(released, "labels", {}).ledger
    gone = ledger_after("rollback", ledger=released)
    busy = ledger_after("canary v3", ledger=released)
    assert [judged_late(ledger) for ledger in (marked, gone, busy)] == [None, None, None]
    assert judged_late(ledger_after("abort", ledger=busy)) == released.last


@pytest.mark.parametrize(
    "ledger",
    [
        STARTED,
        CANARY,
        ledger_after("promote v2", ledger=STARTED),
        ledger_after("canary v2", "promote v2", ledger=STARTED),
    ],
)
def test_of_what_a_person_released_no_labels_are_judged(ledger: Ledger) -> None:
    assert judged_late(ledger) is None
