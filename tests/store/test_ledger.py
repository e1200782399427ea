"""The ledger on both databases: what goes in comes out, in one order, and nothing in it changes."""

import math
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import Conflict, LedgerBroken, LedgerStore, StoreError, Unstorable
from tests.store.conftest import AT


def test_an_empty_ledger_is_at_revision_zero(ledger):
    assert ledger.revision() == 0
    assert ledger.newest() is None
    assert ledger.history() == []
    assert ledger.verify() == 0


def test_an_entry_comes_back_as_it_went_in(ledger, append):
    entry = append(ledger, 1, reason="first", body={"b": [1, 2.5, None, True], "a": {"x": "y"}})
    assert ledger.newest() == entry
    assert (entry.model, entry.revision, entry.action, entry.actor) == (
        "flights",
        1,
        "deploy",
        "ann",
    )
    assert entry.body == {"b": [1, 2.5, None, True], "a": {"x": "y"}}
    assert (entry.reason, entry.at, entry.previous_hash) == ("first", AT, "")
    assert len(entry.hash) == 64


def test_each_entry_carries_the_hash_of_the_one_before(ledger, append):
    first, second = append(ledger, 1), append(ledger, 2)
    assert second.previous_hash == first.hash
    assert ledger.verify() == 2


def test_history_is_newest_first_and_limited_when_asked(ledger, append):
    for revision in (1, 2, 3):
        append(ledger, revision)

    assert [entry.revision for entry in ledger.history()] == [3, 2, 1]
    assert [entry.revision for entry in ledger.history(limit=2)] == [3, 2]
    assert ledger.history(limit=0) == []
    with pytest.raises(ValueError, match="limit is -1"):
        ledger.history(limit=-1)


def test_a_taken_revision_is_refused_with_the_winner(ledger, append):
    winner = append(ledger, 1, actor="ann", action="promote", reason="looks good")
    with pytest.raises(
        Conflict, match=r"ann was first: revision 1 .*`promote` \(looks good\)"
    ) as refused:
        append(ledger, 1, actor="bob")

    assert refused.value.winner == winner
    assert ledger.history() == [winner]


def test_the_winner_named_is_of_that_revision_not_the_newest(ledger, append):
    for revision, actor in ((1, "ann"), (2, "bea"), (3, "cid")):
        append(ledger, revision, actor=actor)
    with pytest.raises(Conflict) as refused:
        append(ledger, 2)
    assert refused.value.winner.actor == "bea"


@pytest.mark.parametrize("revision", [0, -1, 2, 7])
def test_a_revision_that_is_not_the_next_is_refused(ledger, append, revision):
    with pytest.raises(StoreError, match="the next is 1"):
        append(ledger, revision)
    assert ledger.revision() == 0


def test_two_models_share_the_tables_and_nothing_else(opened, ledger, append):
    other = LedgerStore(opened, "weather")
    append(ledger, 1)
    append(ledger, 2)
    append(other, 1)
    assert (ledger.revision(), other.revision()) == (2, 1)
    assert ledger.verify() == 2
    assert other.verify() == 1


def test_unicode_and_quotes_come_back_unharmed(ledger, append):
    reason = "Zürich → 東京 'quoted\" \\ ✔ \U0001f6eb\n%s ; DROP TABLE revisions"
    entry = append(ledger, 1, reason=reason, actor="Jörg", body={"größe": reason, "\0": "\ud800"})
    assert ledger.newest() == entry
    assert ledger.newest().reason == reason
    assert ledger.newest().body == {"größe": reason, "\0": "\ud800"}
    assert ledger.verify() == 1


def test_a_huge_body_comes_back_whole(ledger, append):
    body = {f"key {i}": "é" * 1000 for i in range(5000)}
    append(ledger, 1, body=body)
    assert ledger.newest().body == body
    assert ledger.verify() == 1


def test_numbers_beyond_64_bits_come_back_exactly(ledger, append):
    append(ledger, 1, body={"big": 2**80, "small": 0.1 + 0.2})
    assert ledger.newest().body == {"big": 2**80, "small": 0.1 + 0.2}


def test_time_is_kept_in_utc(ledger, append):
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    append(ledger, 1, at=there)
    assert ledger.newest().at == AT
    assert ledger.newest().at.tzinfo == UTC


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body": {"score": math.nan}}, "body"),
        ({"body": {"when": datetime(2026, 1, 1, tzinfo=UTC)}}, "body"),
        ({"reason": "half \ud800"}, "reason"),
        ({"reason": "nul \0"}, "reason"),
        ({"reason": None}, "reason"),
        ({"actor": 7}, "actor"),
        ({"at": datetime(2026, 1, 1)}, "at"),  # noqa: DTZ001
    ],
)
def test_what_would_not_come_back_as_it_was_is_refused(ledger, append, changes, field):
    with pytest.raises(Unstorable, match="Nothing was recorded") as refused:
        append(ledger, 1, **changes)
    assert refused.value.field == field
    assert ledger.revision() == 0


def test_a_model_name_too_long_for_an_index_is_refused_on_both_databases(opened, ledger, append):
    with pytest.raises(Unstorable, match="model has 3000 bytes"):
        append(LedgerStore(opened, "m" * 3000), 1)


@pytest.mark.parametrize("change", ["UPDATE revisions SET reason = 'x'", "DELETE FROM revisions"])
def test_the_database_itself_refuses_to_change_the_past(opened, ledger, append, change):
    append(ledger, 1)
    with opened.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(change))
    assert ledger.verify() == 1


@pytest.mark.parametrize(
    ("change", "revision", "why"),
    [
        ("UPDATE revisions SET body = '{}' WHERE revision = 2", 2, "content"),
        ("UPDATE revisions SET body = body || ' ' WHERE revision = 2", 2, "content"),
        ("UPDATE revisions SET reason = 'other' WHERE revision = 3", 3, "content"),
        ("UPDATE revisions SET actor = 'other' WHERE revision = 1", 1, "content"),
        ("UPDATE revisions SET at = 'never' WHERE revision = 1", 1, "content"),
        ("UPDATE revisions SET previous_hash = hash WHERE revision = 3", 3, "does not follow"),
        ("UPDATE revisions SET hash = previous_hash WHERE revision = 1", 1, "content"),
        ("DELETE FROM revisions WHERE revision = 2", 2, "missing"),
        ("DELETE FROM revisions WHERE revision = 1", 1, "missing"),
    ],
)
def test_verify_finds_what_was_changed_by_hand(opened, ledger, append, change, revision, why):
    for number in (1, 2, 3):
        append(ledger, number)

    _by_hand(opened, change)
    with pytest.raises(LedgerBroken, match=why) as broken:
        ledger.verify()

    assert broken.value.revision == revision


def test_verify_finds_a_lost_end_when_told_what_was_seen(opened, ledger, append):
    append(ledger, 1)
    seen = append(ledger, 2)
    assert ledger.verify(seen) == 2
    _by_hand(opened, "DELETE FROM revisions WHERE revision = 2")
    assert ledger.verify() == 1
    with pytest.raises(LedgerBroken, match="missing now"):
        ledger.verify(seen)

    append(ledger, 2, reason="another past")
    with pytest.raises(LedgerBroken, match="another entry"):
        ledger.verify(seen)


def test_an_unreadable_body_is_reported_not_raised_as_a_bug(opened, ledger, append):
    append(ledger, 1)
    _by_hand(opened, "UPDATE revisions SET body = '{' WHERE revision = 1")
    for read in (ledger.newest, ledger.history):
        with pytest.raises(LedgerBroken, match="cannot be read"):
            read()


def test_errors_travel_between_processes(ledger, append):
    winner = append(ledger, 1)
    for error in (Conflict(winner), LedgerBroken(3, "why"), Unstorable("label", "is bad", 4)):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def _by_hand(engine, change: str) -> None:
    """Change the past as somebody with the database's own tools would: guards off, change, guards
    on.
    """
    postgresql = engine.dialect.name == "postgresql"
    off = ["ALTER TABLE revisions DISABLE TRIGGER ALL"] if postgresql else _sqlite_drops()
    with engine.connect() as connection:
        for statement in [*off, change]:
            connection.exec_driver_sql(statement)


def _sqlite_drops() -> list[str]:
    return [f"DROP TRIGGER IF EXISTS revisions_no_{act}" for act in ("update", "delete")]
