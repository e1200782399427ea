"""A late label becomes a loss, and bets where its prediction did."""

import json
import math
from datetime import UTC, datetime

import pytest

from rollout.classes import Answers
from rollout.policy import Labels
from router.labels import Known, loss_level, read_labels
from router.tokens import Prediction, sign

KEY = b"a key of sixteen or more"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def entry(token, label):
    """One entry of a call."""
    return json.dumps({"prediction_id": token, "label": label}).encode()


def rows(label, loss="wrong", **changes):
    """The rows of one labelled prediction."""
    plain = {"scores": [0.8], "classes": ["1"], "rollout": 4, "unit": 1, "bets": True}
    token = sign(Prediction("v2", 500, 1500, 7, **{**plain, **changes}), KEY).decode()
    found = read_labels([entry(token, label)], KEY, NOW, Known(lambda _: Answers(), lambda _: Labels(loss=loss)))
    assert found.invalid == []
    return found.rows


@pytest.mark.parametrize(
    ("loss", "predicted", "score", "label", "level"),
    [
        ("wrong", "1", 0.8, "1", 0),
        ("wrong", "1", 0.8, "0", 16),
        ("wrong", "", 0.8, "1", None),
        ("brier", "1", 0.75, "1", 1),
        ("brier", "1", 0.75, "0", 9),
        ("brier", "1", 1.0, "1", 0),
        ("brier", "1", 1.0, "0", 16),
        ("brier", "1", 0.75, "late", None),
        ("brier", "1", None, "1", None),
        ("log", "1", 1.0, "1", 0),
        ("log", "1", math.exp(-0.5), "1", 8),
        ("log", "1", 1 - math.exp(-0.5), "0", 8),
        ("log", "1", 0.0, "1", 16),
        ("log", "1", 1.0, "0", 16),
        ("absolute", "", 10.5, "10", 8),
        ("absolute", "", 10.0, "10.0", 0),
        ("absolute", "", 10.0, "-50", 16),
        ("absolute", "", 10.0, "nan", None),
        ("absolute", "", 10.0, "inf", None),
        ("absolute", "", None, "10", None),
    ],
)
def test_a_loss_is_kept_in_sixteenths_of_its_bound(loss, predicted, score, label, level):
    assert loss_level(Labels(loss=loss), predicted, score, label) == level


@pytest.mark.parametrize(("bound", "level"), [(1.0, 16), (2.0, 8), (16.0, 1), (100.0, 0)])
def test_the_bound_is_the_loss_that_counts_as_the_whole(bound, level):
    assert loss_level(Labels(loss="absolute", bound=bound), "", 11.0, "10") == level


def test_a_label_counts_in_the_rollout_and_at_the_weight_of_its_prediction():
    (row,) = rows(0)
    assert (row.version, row.rollout, row.weight, row.bets, row.level) == ("v2", 4, 500, True, 16)


def test_of_several_rows_only_the_first_bets():
    found = rows([0, 0, 1], scores=[0.8, 0.8, 0.8], classes=["1", "1", "1"])
    assert [(row.bets, row.level) for row in found] == [(True, 16), (False, None), (False, None)]
    assert [row.outcome for row in found] == ["wrong", "wrong", "right"]


def test_what_did_not_bet_when_it_was_predicted_does_not_by_its_label():
    (row,) = rows(0, bets=False)
    assert (row.bets, row.level, row.outcome) == (False, None, "wrong")


def test_a_label_without_a_loss_of_the_kind_asked_for_does_not_bet():
    (row,) = rows("late", loss="absolute")
    assert (row.bets, row.level) == (False, None)
    (many,) = rows(1, scores=[], classes=[])
    assert (many.bets, many.level) == (False, None)


def test_true_and_1_are_the_same_class():
    assert [rows(label)[0].level for label in (True, 1, 1.0, "1", False)] == [0, 0, 0, 0, 16]


def invalid(label, known=("benign", "malignant"), **changes):
    """What is said of one label that cannot be counted."""
    plain = {"scores": [0.8], "classes": ["malignant"], "rollout": 4, "unit": 1, "bets": True}
    token = sign(Prediction("v2", 500, 1500, 7, **{**plain, **changes}), KEY).decode()
    found = read_labels([entry(token, label)], KEY, NOW, Known(lambda _: Answers(classes=known), lambda _: Labels()))
    assert len(found.rows) + len(found.invalid) == 1
    return [each["detail"] for each in found.invalid]


def test_a_label_that_is_no_class_of_the_version_is_named_and_does_not_bar_the_right_one():
    assert invalid("Benign") == ["'Benign' is no class of v2 (benign, malignant)"]
    assert invalid("benign") == []


def test_a_label_that_is_no_number_is_none_of_a_value():
    assert invalid("hello", (), classes=[""]) == ["'hello' is no number, and v2 predicts numbers"]
    assert invalid("120", (), classes=[""]) == invalid(120.5, (), classes=[""]) == []


def test_where_classes_are_not_known_yet_or_a_prediction_tells_none_a_label_is_taken_as_it_is():
    assert invalid("Benign", ()) == []
    assert invalid("anything", (), scores=[], classes=[]) == []
    assert invalid("x" * 257, (), scores=[], classes=[]) == [
        f"'{'x' * 39}... is longer than the 256 characters of a label"
    ]


def test_an_id_without_its_predictions_takes_only_the_classes_of_its_version_all_the_same():
    assert invalid("anything", ("0", "1"), scores=[], classes=[]) == ["'anything' is no class of v2 (0, 1)"]
    assert invalid(1.0, ("0", "1"), scores=[], classes=[]) == []


def test_a_label_is_a_loss_as_its_rollout_was_planned():
    token = sign(Prediction("v2", 500, 1500, 7, [12.0], [""], 9, 1, True), KEY).decode()
    known = Known(lambda _: Answers(), lambda rollout: Labels(loss="absolute", bound=8.0) if rollout == 9 else Labels())
    (row,) = read_labels([entry(token, 10)], KEY, NOW, known).rows
    assert row.level == 4
