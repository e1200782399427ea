"""Late labels count once, and a batch counts whole or not at all."""

import math
from dataclasses import replace
from datetime import datetime

import pytest

from store import Feedback, FeedbackStore, Unstorable
from tests.store.conftest import AT

ROW = Feedback("p1", "v1", 0.75, "1", "1", "right", AT)


@pytest.fixture
def feedback(opened, ledger):
    return FeedbackStore(opened, "flights")


def test_a_prediction_counts_once(feedback):
    assert feedback.add([ROW]) == [True]
    assert feedback.add([ROW, replace(ROW, prediction_id="p2")]) == [False, True]
    assert len(feedback.scores()) == 2


def test_a_prediction_counts_once_within_one_list_and_the_first_label_stands(feedback):
    rows = [ROW, replace(ROW, label="0"), replace(ROW, prediction_id="p0"), ROW]
    assert feedback.add(rows) == [True, False, True, False]
    assert ("v1", 0.75, "1", "right") in feedback.scores()
    assert all(label == "1" for _, _, label, _ in feedback.scores())


def test_scores_are_those_of_this_model(opened, feedback):
    other = FeedbackStore(opened, "weather")
    feedback.add([ROW])
    other.add([replace(ROW, prediction_id="p2", version="v9")])
    assert feedback.scores() == [("v1", 0.75, "1", "right")]
    assert other.scores() == [("v9", 0.75, "1", "right")]


def test_an_empty_list_counts_nothing(feedback):
    assert feedback.add([]) == []
    assert feedback.scores() == []


def test_five_thousand_labels_go_in_one_call(feedback):
    rows = [replace(ROW, prediction_id=f"p{n}") for n in range(5000)]
    assert feedback.add(rows) == [True] * 5000
    assert feedback.add(rows[2500:]) == [False] * 2500


def test_labels_in_any_script_come_back_unharmed(feedback):
    feedback.add([replace(ROW, label="Zürich 東京 '\"\\", outcome="✔")])
    assert feedback.scores() == [("v1", 0.75, "Zürich 東京 '\"\\", "✔")]


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_stored_as_none_on_both_databases(feedback, score):
    feedback.add([replace(ROW, predicted=score, predicted_class=None)])
    assert feedback.scores() == [("v1", None, "1", "right")]


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "nul \0"},
        {"label": 1},
        {"prediction_id": "x" * 2000},
        {"version": "\udfff"},
        {"predicted_class": 3},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_one_row_that_cannot_be_recorded_is_named_and_nothing_is_counted(feedback, changes):
    rows = [ROW, replace(ROW, prediction_id="p2"), replace(ROW, **{"prediction_id": "p3", **changes})]
    with pytest.raises(Unstorable, match="row 2") as refused:
        feedback.add(rows)
    assert (refused.value.index, refused.value.field) == (2, next(iter(changes)))
    assert feedback.scores() == []
