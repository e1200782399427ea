"""A late label becomes a loss, and bets where its prediction did."""

import asyncio
import json
import math
import zlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.state.classes import Answers, answers_of
from rollout.state.signal_settings import Labels
from router.endpoints.feedback import INVALID_LISTED, FeedbackEndpoint, LabelOutcome
from router.evidence import labels
from router.evidence.labels import (
    AT_ONCE,
    MOST_LABELS,
    LabelBatch,
    LabelContext,
    entries_of,
    in_parts,
    loss_level,
)
from router.evidence.prediction_id import SignedPrediction, sign
from router.evidence.prediction_values import UNKNOWN
from router.problems import Problem
from router.requests.body import BodyReader, SentBody

KEY = b"a key of sixteen or more"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def entry(token, label):
    """One entry of a call."""
    return json.dumps({"prediction_id": token, "label": label}).encode()


def all_labels(entries, context):
    """Everything that a call's entries hold."""
    read = LabelBatch([], [])
    for part in in_parts(entries, KEY, NOW, context):
        read.rows.extend(part.rows)
        read.invalid.extend(part.invalid)
    return read


def rows(label, loss="wrong", **changes):
    """The rows of one labelled prediction."""
    plain = {"scores": [0.8], "classes": ["1"], "rollout": 4, "unit": 1, "bets": True}
    token = sign(SignedPrediction("v2", 500, 1500, 7, **{**plain, **changes}), KEY).decode()
    result = all_labels(
        [entry(token, label)],
        LabelContext(lambda _: Answers(), lambda _: Labels(loss=loss)),
    )
    assert result.invalid == []
    return result.rows


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
    result = rows([0, 0, 1], scores=[0.8, 0.8, 0.8], classes=["1", "1", "1"])
    assert [(row.bets, row.level) for row in result] == [(True, 16), (False, None), (False, None)]
    assert [row.outcome for row in result] == ["wrong", "wrong", "right"]


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
    token = sign(SignedPrediction("v2", 500, 1500, 7, **{**plain, **changes}), KEY).decode()
    result = all_labels(
        [entry(token, label)],
        LabelContext(lambda _: Answers(classes=known), lambda _: Labels()),
    )
    assert len(result.rows) + len(result.invalid) == 1
    return [item["detail"] for item in result.invalid]


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
    assert invalid("anything", ("0", "1"), scores=[], classes=[]) == [
        "'anything' is no class of v2 (0, 1)"
    ]
    assert invalid(1.0, ("0", "1"), scores=[], classes=[]) == []


def test_a_label_is_a_loss_as_its_rollout_was_planned():
    token = sign(SignedPrediction("v2", 500, 1500, 7, [12.0], [""], 9, 1, True), KEY).decode()
    known = LabelContext(
        lambda _: Answers(),
        lambda rollout: Labels(loss="absolute", bound=8.0) if rollout == 9 else Labels(),
    )
    (row,) = all_labels([entry(token, 10)], known).rows
    assert row.level == 4


def read_all(body, answers=UNKNOWN, most_rows=100):
    """What a call of this body holds."""
    known = LabelContext(lambda _: answers, lambda _: Labels(), most_rows)
    return all_labels(entries_of(body), known)


def token(**changes):
    """The id of a prediction of v2."""
    plain = {"scores": [0.8], "classes": ["1"], "rollout": 4, "unit": 1, "bets": True, "rows": 1}
    return sign(SignedPrediction("v2", 500, 1500, 7, **{**plain, **changes}), KEY).decode()


FLOATS = answers_of("classification", [0.0, 1.0], "predict")


@pytest.mark.parametrize("label", [1, 1.0, "1", "1.0", True, "true"])
def test_a_label_is_the_class_it_equals_whatever_form_it_comes_in(label):
    (row,) = read_all(entry(token(), label), FLOATS).rows
    assert (row.label, row.outcome, row.level) == ("1", "right", 0)


def test_the_truth_of_two_classes_is_told_by_their_order():
    named = answers_of("classification", ["good", "bad"], "predict_proba")
    assert loss_level(Labels(loss="brier"), "bad", 0.75, "bad", named) == 1
    assert loss_level(Labels(loss="brier"), "bad", 0.75, "good", named) == 9
    three = answers_of("classification", [0, 1, 2], "predict_proba")
    assert loss_level(Labels(loss="brier"), "1", 0.75, "1", three) is None


def test_what_is_wrong_with_one_entry_keeps_no_other_from_being_counted():
    good = {"prediction_id": token(), "label": 1}
    bad = [
        {"prediction_id": token()},
        {"label": 1},
        7,
        None,
        "x",
        {**good, "label": None},
        {**good, "label": {"a": 1}},
    ]
    bad += [
        {**good, "more": 1},
        {**good, "prediction_id": "abc"},
        {**good, "prediction_id": 5},
        {**good, "label": [1, 0]},
    ]
    result = read_all(json.dumps([*bad, good]).encode())
    assert [item["index"] for item in result.invalid] == list(range(len(bad)))
    assert all(len(item["detail"]) < 300 for item in result.invalid)
    assert len(result.rows) == 1


def test_one_row_that_cannot_be_the_truth_keeps_no_other_of_its_request_from_being_counted():
    several = token(scores=[0.8] * 3, classes=["1"] * 3, rows=3)
    result = read_all(entry(several, [1, "late", 0]), FLOATS)
    assert result.invalid == [{"index": 0, "row": 1, "detail": "'late' is no class of v2 (0, 1)"}]
    assert [row.label for row in result.rows] == ["1", "0"]
    assert len({row.prediction_id for row in result.rows}) == 2


@pytest.mark.parametrize("named", ["feedback", "label", "prediction_id"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_class_may_have_any_name_and_keys_any_order(named, order):
    fields = {"prediction_id": token(classes=[named]), "label": named}
    body = json.dumps(dict(list(fields.items())[::order])).encode()
    answers = answers_of("classification", [named, "other"], "predict")
    for text in (body, b"[%b]" % body, b'{"feedback": [%b]}' % body):
        (row,) = read_all(text, answers).rows
        assert (row.label, row.outcome) == (named, "right")


OTHER_FORMS = [
    b"",
    b"7",
    b"{}",
    b'"x"',
    b"[",
    b"{]",
    b"[" * 100_000,
    b"\xff",
    b"null",
    b'{"label": 1}',
]
OTHER_FORMS += [b'{"feedback": 1}', b'{"feedback": [], "label": 1}', b'{"prediction_id": "x"}']


@pytest.mark.parametrize("body", OTHER_FORMS)
def test_a_body_of_another_form_is_refused_with_the_form(body):
    with pytest.raises(Problem, match="prediction_id") as refused:
        entries_of(body)
    assert refused.value.status == 400


def test_no_more_labels_than_the_request_had_rows():
    for rows in (1, 17):
        many = token(scores=[], classes=[], rows=rows)
        for count in (0, rows - 1, rows + 1, 2 * rows + 7, 100_000):
            result = read_all(entry(many, [0] * count))
            assert (result.rows, len(result.invalid)) == ([], 1)
            assert f"for a prediction of {rows} row" in result.invalid[0]["detail"]

    many = token(scores=[], classes=[], rows=17)
    assert len(read_all(entry(many, [0] * 17)).rows) == 17
    assert [row.bets for row in read_all(entry(many, [0] * 17)).rows] == [False] * 17


def test_of_a_request_of_many_rows_the_first_is_judged_by_its_label():
    many = token(rows=17)
    rows_ = read_all(entry(many, [0] * 17), FLOATS).rows
    assert [(row.bets, row.level, row.outcome) for row in rows_[:2]] == [
        (True, 16, "wrong"),
        (False, None, "unscored"),
    ]


def test_an_id_from_before_it_told_its_rows_has_no_more_labels_than_a_request_may_have_rows():
    old = token(scores=[], classes=[], rows=0)
    assert len(read_all(entry(old, ["a"] * 100)).rows) == 100
    assert read_all(entry(old, ["a"] * 101)).rows == []


@pytest.mark.parametrize("label", ["x" * 100_000, 10**400, "9" * 500])
def test_a_label_is_short_and_so_is_what_is_said_of_it(label):
    for answers in (UNKNOWN, FLOATS, answers_of("regression", None, "predict")):
        body = b'{"prediction_id":"%b","label":%b}' % (
            token(scores=[], classes=[]).encode(),
            as_json(label),
        )
        result = read_all(body, answers)
        assert result.rows == []
        assert len(result.invalid[0]["detail"]) < 500


def as_json(label):
    return b'"%b"' % label.encode() if isinstance(label, str) else b"1" + b"0" * 4000


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["", "!!!!", "    ", "====", "\n", "."]),
            st.sampled_from([0, 1, "0"]),
        )
    )
)
def test_never_more_labels_bet_than_requests_were_answered(sent):
    made = [
        SignedPrediction("v2", 500, 1500, serial, [0.8], ["1"], 4, 1, True, 1)
        for serial in range(4)
    ]
    answered = [sign(prediction, KEY).decode() for prediction in made]
    body = [
        {"prediction_id": answered[which] + tail, "label": label} for which, tail, label in sent
    ]
    result = read_all(json.dumps(body).encode())
    assert len({row.prediction_id for row in result.rows if row.bets}) <= len(
        {which for which, _, _ in sent}
    )
    assert len(result.rows) + len(result.invalid) == len(sent)


def test_labels_come_in_parts_and_what_is_too_much_for_one_call_is_named():
    known = LabelContext(lambda _: UNKNOWN, lambda _: Labels())
    many = [entry(token(scores=[], classes=[], rows=700), [0] * 700)] * 3
    parts = list(in_parts(many, KEY, NOW, known, 1_000))
    assert max(len(part.rows) for part in parts) <= AT_ONCE
    assert sum(len(part.rows) for part in parts) == 1_400
    assert [item["index"] for part in parts for item in part.invalid] == [2]


def test_one_text_among_a_million_labels_does_not_let_them_be_made(monkeypatch):
    made = []
    monkeypatch.setattr(labels, "_decode_values", made.append)
    many = token(scores=[], classes=[], rows=17)
    for begin in (b'"a",', b'"\\"",', b'",",0,', b""):
        body = b'{"prediction_id":"%b","label":[%b%b0]}' % (many.encode(), begin, b"0," * 300_000)
        (wrong,) = read_all(body).invalid
        assert wrong["detail"] == "more than 17 labels for a prediction of 17 rows"

    assert made == []


def test_commas_within_texts_are_no_labels():
    named = token(scores=[], classes=[], rows=2)
    assert len(read_all(entry(named, ["a,b,c,d", 'e\\",,"'])).rows) == 2


@pytest.mark.parametrize("form", [b"[%b]", b'{"feedback":[%b]}'])
def test_too_many_entries_are_refused_before_they_are_made(monkeypatch, form):
    assert len(entries_of(form % b",".join([b"0"] * MOST_LABELS))) == MOST_LABELS
    monkeypatch.setattr(labels, "_decode_values", None)
    for count in (MOST_LABELS + 1, 500_000):
        with pytest.raises(Problem, match=f"more than {MOST_LABELS} entries") as refused:
            entries_of(form % b",".join([b"0"] * count))
        assert refused.value.status == 413


def test_of_many_invalid_labels_the_first_are_described_and_all_are_counted():
    outcome = LabelOutcome()
    for start in range(0, 1_000, 250):
        outcome.add(LabelBatch([], [{"index": start + at, "detail": "x"} for at in range(250)]), [])
    answer_body = json.loads(outcome.body())
    assert [item["index"] for item in answer_body["invalid"]] == list(range(INVALID_LISTED))
    assert answer_body["invalid_not_listed"] == 1_000 - INVALID_LISTED
    assert outcome.metrics["feedback", "", "invalid"] == 1_000
    assert json.loads(LabelOutcome().body()) == {"counted": 0, "duplicates": 0, "invalid": []}


@pytest.mark.parametrize(
    ("takes_largest", "size", "status"),
    [(True, 100_000, None), (False, 100_000, 503), (False, 100, None), (False, 0, 400)],
)
def test_a_large_packed_call_is_unpacked_only_where_it_finds_a_place(takes_largest, size, status):
    text = b"".join(b"%d," % at for at in range(size))[:size]
    packed = zlib.compress(text) if size else b"\xff\xff"
    endpoint = SimpleNamespace(queue=SimpleNamespace(takes_largest=takes_largest))
    sent = SentBody(packed, b"deflate", 1 << 20, BodyReader(1 << 20, None))
    reading = FeedbackEndpoint._decompressed(endpoint, sent)
    if status is None:
        assert asyncio.run(reading) == text
    else:
        with pytest.raises(Problem) as refused:
            asyncio.run(reading)
        assert refused.value.status == status
