"""A database of an earlier release is given what it lacks, keeps what it has, and is told apart by
part.
"""

import sqlite3
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from sqlalchemy import Engine, inspect

from store import EvidenceRow, EvidenceStore, Feedback, FeedbackStore, LedgerStore
from store.engine import engine, part_engine
from store.schema import COPIES, EVIDENCE, EVIDENCE_PART, FEEDBACK, LABELS_PART, MARKS
from store.shadow_answers import ShadowAnswer, ShadowAnswerStore
from store.upgrade import AT_ONCE, short_id
from tests.store.conftest import AT
from tests.store.processes import CREATE, finish, start

OLD = """CREATE TABLE feedback (
    prediction_id TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    predicted {number}, predicted_class TEXT, label TEXT NOT NULL, outcome TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (prediction_id)
)"""
OLD_INDEX = "CREATE INDEX feedback_by_version ON feedback (model, version)"
OLD_ROW = """INSERT INTO feedback
(prediction_id, model, version, predicted, predicted_class, label, outcome, at)
VALUES ('{name}', 'flights', 'v1', 0.75, '1', '1', 'right', '2026-03-01T12:30:00.123456+00:00')"""
NEW = Feedback("p2", "v2", 0.5, None, "0", "wrong", AT, rollout=7, weight=500, bets=True, level=16)
INDEXES = ["feedback_by_age", "feedback_by_outcome", "feedback_by_pair", "feedback_that_bets"]


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
    assert feedback.outcomes() == [("v1", "right", 1), ("v2", "wrong", 1)]
    assert feedback.levels(7) == [("v2", 500, 16, 1)]
    assert feedback.levels(0) == []


def test_an_old_row_belongs_to_no_rollout_and_does_not_bet(old):
    LedgerStore(old, "flights").create()
    with part_engine(old, LABELS_PART).connect() as connection:
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
    _run(
        old,
        "ALTER TABLE feedback ADD COLUMN weight INTEGER DEFAULT 0 NOT NULL",
        "DROP INDEX feedback_by_version",
    )
    LedgerStore(old, "flights").create()
    assert FeedbackStore(old, "flights").add([NEW]) == [True]
    assert _shape(old)["indexes"] == INDEXES


def test_processes_may_complete_the_table_at_once(url, old):
    for process in [start(CREATE, url) for _ in range(4)]:
        finish(process)
    assert FeedbackStore(old, "flights").add([NEW]) == [True]
    assert FeedbackStore(old, "flights").outcomes() == [("v1", "right", 1), ("v2", "wrong", 1)]


def test_a_program_from_before_goes_on_writing_and_what_it_wrote_is_taken_over_by_the_next_start(
    old,
):
    ledger = LedgerStore(old, "flights")
    ledger.create()
    _run(old, OLD_ROW.format(name="p3"))
    ledger.create()
    assert FeedbackStore(old, "flights").add([replace(NEW, prediction_id="p3")]) == [False]
    assert FeedbackStore(old, "flights").outcomes() == [("v1", "right", 2)]


def test_one_file_of_before_becomes_three_and_nothing_is_lost(tmp_path):
    """As the last release left it: every table in the ledger's file."""
    opened = engine(f"sqlite:///{tmp_path}/ledger.db")
    for table in (FEEDBACK, EVIDENCE, MARKS, COPIES):
        table.create(opened)

    ids = [_old_id(n) for n in range(2 * AT_ONCE + 1)]
    with opened.connect() as connection:
        for name in ids:
            row = {
                "prediction_id": name,
                "model": "flights",
                "version": "v2",
                "label": "0",
                "outcome": "wrong",
            }
            bet = {
                "at": "2026-03-01T12:30:00+00:00",
                "rollout": 7,
                "weight": 500,
                "bets": 1,
                "level": 16,
            }
            connection.execute(FEEDBACK.insert(), row | bet)
        evidence = {
            "model": "flights",
            "rollout": "r:7",
            "version": "v2",
            "weight": 500,
            "source": "w",
            "serial": 3,
        }
        connection.execute(EVIDENCE.insert(), evidence | {"body": '{"drawn":{"all":9}}'})
        connection.execute(
            MARKS.insert(), {"model": "flights", "rollout": "r:7", "name": "failed", "body": "{}"}
        )

    ledger = LedgerStore(opened, "flights")
    ledger.create()
    feedback = FeedbackStore(opened, "flights")
    assert feedback.levels(7) == [("v2", 500, 16, len(ids))]
    assert feedback.add([replace(NEW, prediction_id=short_id(ids[0]))]) == [False]
    assert EvidenceStore(opened, "flights").counted("r:7") == [("v2", 500, {"drawn": {"all": 9}})]
    assert EvidenceStore(opened, "flights").marks("r:7") == {"failed": {}}
    with opened.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM feedback").scalar() == 0

    opened.dispose()


def test_labels_that_were_counted_by_spellings_of_one_id_are_one(opened):
    ledger = LedgerStore(opened, "flights")
    ledger.create()
    name = _old_id(1)
    rows = [
        replace(NEW, prediction_id=each)
        for each in (name, f"{name[:9]}!!!!{name[9:]}", f"{name}.3", "p1")
    ]
    FeedbackStore(opened, "flights").add(rows)
    ledger.create()
    assert FeedbackStore(opened, "flights").levels(7) == [("v2", 500, 16, 3)]
    again = [
        replace(NEW, prediction_id=each) for each in (short_id(name), f"{short_id(name)}.3", "p1")
    ]
    assert FeedbackStore(opened, "flights").add(again) == [False] * 3


def test_a_held_write_beside_the_ledger_does_not_delay_an_act(tmp_path):
    """Whatever users make the labels' and the evidence's files do: neither is the ledger's."""
    opened = engine(f"sqlite:///{tmp_path}/ledger.db")
    ledger = LedgerStore(opened, "flights")
    ledger.create()
    held = []
    for part in (LABELS_PART, EVIDENCE_PART):
        writer = sqlite3.connect(str(part_engine(opened, part).url.database), isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        held.append(writer)

    # An act that met either lock would be refused after the time that a statement waits for one.
    ledger.append(1, {}, "rollback", "ann", "", AT)
    assert ledger.newest().action == "rollback"
    for writer in held:
        writer.rollback()
        writer.close()

    assert FeedbackStore(opened, "flights").add([NEW]) == [True]
    opened.dispose()


def test_an_act_that_is_held_up_does_not_keep_labels_and_evidence_from_being_counted(tmp_path):
    opened = engine(f"sqlite:///{tmp_path}/ledger.db")
    LedgerStore(opened, "flights").create()
    writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert FeedbackStore(opened, "flights").add([NEW]) == [True]
    EvidenceStore(opened, "flights").flush(
        "w", 1, [EvidenceRow("r:7", "v2", 500, {"drawn": {"all": 1}})]
    )
    ShadowAnswerStore(opened, "flights").keep(7, [ShadowAnswer("p1", 0.5, "1")])
    writer.close()
    opened.dispose()


def _old_id(number: int) -> str:
    return (
        urlsafe_b64encode(b"a payload of more than some bytes" + number.to_bytes(12, "big"))
        .rstrip(b"=")
        .decode()
    )


def _run(opened: Engine, *statements: str) -> None:
    with opened.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _shape(opened: Engine) -> dict:
    """What the database says of the table of labels, columns in any order."""
    seen = inspect(part_engine(opened, LABELS_PART))
    columns = {
        each["name"]: (str(each["type"]), each["nullable"], each["default"])
        for each in seen.get_columns("feedback")
    }
    return {
        "columns": columns,
        "indexes": sorted(str(each["name"]) for each in seen.get_indexes("feedback")),
    }
