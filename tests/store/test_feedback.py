"""Late labels count once, and a batch counts whole or not at all."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import event, select

from store import Feedback, FeedbackStore, Unstorable
from store import feedback as store_feedback
from store.engine import part_engine
from store.errors import StoreFull
from store.feedback import LOOK_EVERY, LabelledPrediction
from store.schema import FEEDBACK, LABELS_PART
from tests.store.conftest import AT

ROW = Feedback("p1", "v1", 0.75, "1", "1", "right", AT)


@pytest.fixture
def feedback(opened, ledger):
    return FeedbackStore(opened, "flights")


def stored(opened):
    """(version, predicted, label, outcome) of every label."""
    columns = (FEEDBACK.c.version, FEEDBACK.c.predicted, FEEDBACK.c.label, FEEDBACK.c.outcome)
    with part_engine(opened, LABELS_PART).connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def test_a_prediction_counts_once(feedback):
    assert feedback.add([ROW]) == [True]
    assert feedback.add([ROW, replace(ROW, prediction_id="p2")]) == [False, True]
    assert feedback.outcomes() == [("v1", "right", 2)]


def test_a_prediction_counts_once_within_one_list_and_the_first_label_stands(opened, feedback):
    rows = [ROW, replace(ROW, label="0"), replace(ROW, prediction_id="p0"), ROW]
    assert feedback.add(rows) == [True, False, True, False]
    assert stored(opened) == [("v1", 0.75, "1", "right")] * 2


def test_outcomes_are_those_of_this_model(opened, feedback):
    other = FeedbackStore(opened, "weather")
    feedback.add([ROW])
    other.add([replace(ROW, prediction_id="p2", version="v9")])
    assert feedback.outcomes() == [("v1", "right", 1)]
    assert other.outcomes() == [("v9", "right", 1)]


def test_an_empty_list_counts_nothing(feedback):
    assert feedback.add([]) == []
    assert feedback.outcomes() == []


def test_five_thousand_labels_go_in_one_call(feedback):
    rows = [replace(ROW, prediction_id=f"p{n}") for n in range(5000)]
    assert feedback.add(rows) == [True] * 5000
    assert feedback.add(rows[2500:]) == [False] * 2500


def test_labels_in_any_script_come_back_unharmed(opened, feedback):
    feedback.add([replace(ROW, label="Zürich 東京 '\"\\", outcome="✔")])
    assert stored(opened) == [("v1", 0.75, "Zürich 東京 '\"\\", "✔")]


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_stored_as_none_on_both_databases(opened, feedback, score):
    feedback.add([replace(ROW, predicted=score, predicted_class=None)])
    assert stored(opened) == [("v1", None, "1", "right")]


def bet(name: str, **changes) -> Feedback:
    """A row that bets on rollout 7."""
    return replace(
        ROW,
        **{"prediction_id": name, "rollout": 7, "weight": 500, "bets": True, "level": 0, **changes},
    )


def test_levels_count_the_rows_that_bet_by_version_weight_and_level(feedback):
    kinds = {"v1": (500, 0), "v2": (500, 16), "v3": (2500, 3)}
    rows = [
        bet(f"{version} {n}", version=version, weight=weight, level=level)
        for version, (weight, level) in kinds.items()
        for n in range(1 + level)
    ]
    feedback.add([*rows, bet("other weight", weight=0), bet("other level", level=1)])
    assert feedback.levels(7) == [
        ("v1", 0, 0, 1),
        ("v1", 500, 0, 1),
        ("v1", 500, 1, 1),
        ("v2", 500, 16, 17),
        ("v3", 2500, 3, 4),
    ]


def test_a_row_that_does_not_bet_or_has_no_level_or_is_of_another_rollout_or_model_is_no_level(
    opened, feedback
):
    feedback.add(
        [bet("no bet", bets=False), bet("no level", level=None), bet("other", rollout=8), ROW]
    )
    FeedbackStore(opened, "weather").add([bet("other model")])
    assert feedback.levels(7) == []
    assert feedback.levels(8) == [("v1", 500, 0, 1)]


def test_a_bet_counts_once_and_as_it_was_first_told(feedback):
    assert feedback.add([bet("p1"), bet("p1", level=16)]) == [True, False]
    assert feedback.add([bet("p1", level=16)]) == [False]
    assert feedback.levels(7) == [("v1", 500, 0, 1)]


def test_pairs_count_the_rows_that_both_versions_answered_the_candidate_first(opened, feedback):
    both = [bet(f"same {n}", weight=0, copied=0) for n in range(3)]
    feedback.add(
        [
            *both,
            bet("copy is worse", weight=0, copied=16),
            bet("its own is worse", version="v2", weight=0, level=16, copied=0),
            bet("stable is worse", version="v2", weight=0, level=1, copied=4),
            bet("alone", weight=0),
            bet("third version", version="v3", weight=0, copied=16),
            bet("other", rollout=8, copied=0),
        ]
    )
    FeedbackStore(opened, "weather").add([bet("other model", copied=0)])
    assert feedback.pairs(7, "v2", "v1") == [(0, 0, 3), (1, 4, 1), (16, 0, 2)]
    assert feedback.pairs(7, "v1", "v2") == [(0, 0, 3), (0, 16, 2), (4, 1, 1)]


def test_labels_from_before_a_rollout_are_the_newest_of_that_version(opened, feedback, monkeypatch):
    monkeypatch.setattr(store_feedback, "NEWEST", 3)
    rows = [
        bet(f"p{n}", rollout=n % 2, label=str(n), at=AT + timedelta(seconds=n)) for n in range(6)
    ]
    late = AT + timedelta(hours=1)
    others = [
        bet("in the rollout", rollout=7, at=late),
        bet("another version", version="v2", rollout=0, at=late),
        bet("a second row", rollout=0, bets=False, level=None, at=late),
    ]
    feedback.add([*rows, *others])
    FeedbackStore(opened, "weather").add([bet("another model", rollout=0, at=late)])
    found = feedback.before(7, "v1")
    assert [each.label for each in found] == ["5", "4", "3"]
    assert found[0] == LabelledPrediction("1", 0.75, "5")
    monkeypatch.setattr(store_feedback, "LOOKED_AT", 4)
    assert [each.label for each in feedback.before(7, "v1")] == ["5"]


def test_the_first_labels_are_those_that_came_first_for_drawn_requests(feedback):
    def later(seconds):
        return AT + timedelta(seconds=seconds)

    feedback.add([bet("late", level=16, at=later(9)), bet("pair", weight=0, at=later(0))])
    feedback.add([bet(f"p{n}", version=f"v{1 + n % 2}", at=later(1)) for n in range(5)])
    feedback.add([bet("shown", weight=10_000), bet("unread", level=None), bet("not", bets=False)])
    assert feedback.first(7, 5) == [("v1", 500, 0, 3), ("v2", 500, 0, 2)]
    assert feedback.first(7, 9) == [("v1", 500, 0, 3), ("v1", 500, 16, 1), ("v2", 500, 0, 2)]


@pytest.mark.parametrize("copied", [-1, 17, 0.5, True])
def test_a_loss_of_a_copy_is_a_level(feedback, copied):
    with pytest.raises(Unstorable, match="copied"):
        feedback.add([bet("p1", copied=copied)])


@pytest.mark.parametrize(
    ("ask", "index", "covers"),
    [
        (lambda store: store.levels(7), "feedback_that_bets", True),
        (lambda store: store.pairs(7, "v2", "v1"), "feedback_by_pair", True),
        (lambda store: store.before(8, "v1"), "feedback_by_age", False),
    ],
)
def test_what_is_asked_each_second_is_read_from_an_index(opened, feedback, ask, index, covers):
    feedback.add([bet(f"p{n}", level=n % 17, copied=3) for n in range(100)])
    asked: list[tuple] = []

    def keep(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    labels = part_engine(opened, LABELS_PART)
    event.listen(labels, "before_cursor_execute", keep)
    ask(feedback)
    event.remove(labels, "before_cursor_execute", keep)
    sqlite = opened.dialect.name == "sqlite"
    with labels.connect() as connection:
        if not sqlite:
            # For so few rows PostgreSQL would rather read the whole table.
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        plan = str(connection.exec_driver_sql(explain + asked[-1][0], asked[-1][1]).all())

    used = f"COVERING INDEX {index}" if sqlite and covers else index
    assert used in plan
    if covers:
        assert not any(sorting in plan for sorting in ("TEMP B-TREE", "Sort"))


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "nul \0"},
        {"label": 1},
        {"prediction_id": "x" * 2000},
        {"version": "\udfff"},
        {"predicted_class": 3},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"rollout": -1},
        {"rollout": 2**31},
        {"rollout": "7"},
        {"weight": 10_001},
        {"weight": 0.5},
        {"bets": 1},
        {"level": 17},
        {"level": -1},
        {"level": 0.5},
        {"level": np.int64(3)},
    ],
)
def test_one_row_that_cannot_be_recorded_is_named_and_nothing_is_counted(feedback, changes):
    rows = [
        ROW,
        replace(ROW, prediction_id="p2"),
        replace(ROW, **{"prediction_id": "p3", **changes}),
    ]
    with pytest.raises(Unstorable, match="row 2") as refused:
        feedback.add(rows)

    assert (refused.value.index, refused.value.field) == (2, next(iter(changes)))
    assert feedback.outcomes() == []


def test_of_too_many_labels_the_oldest_go_and_those_that_may_still_decide_stay(opened, ledger):
    feedback = FeedbackStore(opened, "flights", most=1_000)
    other = FeedbackStore(opened, "weather")
    other.add([replace(ROW, prediction_id="elsewhere")])
    old = [replace(ROW, prediction_id=f"o{n}", at=AT + timedelta(seconds=n)) for n in range(900)]
    bets = [bet(f"b{n}", at=AT - timedelta(seconds=n)) for n in range(100)]
    feedback.add([*old, *bets], {7})
    new = [replace(ROW, prediction_id=f"n{n}", at=AT + timedelta(hours=1)) for n in range(2_000)]
    assert feedback.add(new, {7}) == [True] * 2_000
    (kept,) = {count for _, _, count in feedback.outcomes()}
    assert kept <= 1_000 + LOOK_EVERY
    assert feedback.levels(7) == [("v1", 500, 0, 100)]
    assert feedback.add(bets, {7}) == [False] * 100
    assert other.outcomes() == [("v1", "right", 1)]


def test_a_rollout_of_more_labels_than_are_kept_counts_no_more_and_says_so(opened, ledger):
    feedback = FeedbackStore(opened, "flights", most=1_000)
    feedback.add([bet(f"b{n}") for n in range(1_000)], {7})
    with pytest.raises(StoreFull, match="can be decided by these"):
        feedback.add([bet(f"c{n}") for n in range(LOOK_EVERY)], {7})
    assert feedback.add([bet("in another rollout", rollout=8)], {8}) == [True]


def test_the_error_of_values_is_counted_by_version(opened, ledger):
    store = FeedbackStore(opened, "flights")
    rows = [
        ("a", "v1", 10.0, "12.5"),
        ("b", "v1", 4.0, "-1e0"),
        ("c", "v2", 1.0, "1.0"),
        ("d", "v3", None, "3.0"),
    ]
    store.add(
        [
            Feedback(name, version, value, None, label, "scored", AT)
            for name, version, value, label in rows
        ]
    )
    store.add([Feedback("e", "v4", 0.7, "yes", "yes", "right", AT)])
    assert store.errors() == [("v1", 3.75), ("v2", 0.0)]
