"""A database from before feedback could bet is given what it lacks, and keeps what it has."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, inspect

from store import Feedback, FeedbackStore, LedgerStore
from store.engine import engine
from tests.store.conftest import AT
from tests.store.processes import CREATE, finish, start

OLD = """CREATE TABLE feedback (
    prediction_id TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, predicted {number}, predicted_class TEXT,
    label TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (prediction_id)
)"""
OLD_INDEX = "CREATE INDEX feedback_by_version ON feedback (model, version)"
OLD_ROW = """INSERT INTO feedback (prediction_id, model, version, predicted, predicted_class, label, outcome, at)
VALUES ('{name}', 'flights', 'v1', 0.75, '1', '1', 'right', '2026-03-01T12:30:00.123456+00:00')"""
NEW = Feedback("p2", "v2", 0.5, None, "0", "wrong", AT, rollout=7, weight=500, bets=True, level=16)


@pytest.fixture
def old(opened: Engine) -> Engine:
    """A database with a row of feedback, as it was made before."""
    number = "FLOAT" if opened.dialect.name == "sqlite" else "DOUBLE PRECISION"
    _run(opened, OLD.format(number=number), OLD_INDEX, OLD_ROW.format(name="p1"))
    return opened


def test_an_old_table_is_completed_and_its_rows_are_kept(old):
    LedgerStore(old, "flights").create()
    feedback = FeedbackStore(old, "flights")
    assert feedback.add([Feedback("p1", "v1", 0.75, "1", "1", "right", AT), NEW]) == [False, True]
    assert feedback.scores() == [("v1", 0.75, "1", "right"), ("v2", 0.5, "0", "wrong")]
    assert feedback.levels(7) == [("v2", 500, 16, 1)]
    assert feedback.levels(0) == []


def test_an_old_row_belongs_to_no_rollout_and_does_not_bet(old):
    LedgerStore(old, "flights").create()
    with old.connect() as connection:
        row = connection.exec_driver_sql("SELECT rollout, weight, bets, level FROM feedback").one()
    assert tuple(row) == (0, 0, 0, None)


def test_a_completed_table_is_like_a_new_one(old, tmp_path, request):
    LedgerStore(old, "flights").create()
    url = f"sqlite:///{tmp_path}/new.db"
    if old.dialect.name == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database()
    new = engine(url)
    LedgerStore(new, "flights").create()
    assert _shape(old) == _shape(new)
    new.dispose()


def test_to_create_again_changes_nothing(old):
    ledger = LedgerStore(old, "flights")
    ledger.create()
    shape = _shape(old)
    FeedbackStore(old, "flights").add([NEW])
    for _ in range(2):
        ledger.create()
    assert _shape(old) == shape
    assert FeedbackStore(old, "flights").levels(7) == [("v2", 500, 16, 1)]


def test_a_table_that_was_completed_half_way_is_completed(old):
    _run(old, "ALTER TABLE feedback ADD COLUMN weight INTEGER DEFAULT 0 NOT NULL", "DROP INDEX feedback_by_version")
    LedgerStore(old, "flights").create()
    assert FeedbackStore(old, "flights").add([NEW]) == [True]
    assert _shape(old)["indexes"] == ["feedback_by_version", "feedback_of_pairs", "feedback_that_bets"]


def test_processes_may_complete_the_table_at_once(url, old):
    for process in [start(CREATE, url) for _ in range(4)]:
        finish(process)
    assert FeedbackStore(old, "flights").add([NEW]) == [True]
    assert len(FeedbackStore(old, "flights").scores()) == 2


def test_a_program_from_before_goes_on_writing_to_the_completed_table(old):
    LedgerStore(old, "flights").create()
    _run(old, OLD_ROW.format(name="p3"))
    assert FeedbackStore(old, "flights").add([replace(NEW, prediction_id="p3")]) == [False]
    assert len(FeedbackStore(old, "flights").scores()) == 2


def _run(opened: Engine, *statements: str) -> None:
    with opened.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _shape(opened: Engine) -> dict:
    """What the database says of the table, columns in any order."""
    seen = inspect(opened)
    columns = {
        each["name"]: (str(each["type"]), each["nullable"], each["default"]) for each in seen.get_columns("feedback")
    }
    return {"columns": columns, "indexes": sorted(str(each["name"]) for each in seen.get_indexes("feedback"))}
