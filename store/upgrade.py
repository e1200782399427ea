"""Brings a database of an earlier release up to date; one that is up to date costs one query a
table.

On SQLite everything was in the ledger's one file: what is no ledger moves to files of its own, some
rows at a time, each first written to the new file and then deleted from the old one, so that an
interruption loses nothing. Labels were counted by the whole text of an id, which can be written in
many ways: they get its signature instead."""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    delete,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite

from store.engine import statements, transaction
from store.schema import COPIES, EVIDENCE, FEEDBACK, MARKS

AT_ONCE = 1_000
SIGNATURE_BYTES = 12
LONGEST_SHORT_ID = 40


def upgrade(ledger: Engine, evidence: Engine, labels: Engine) -> None:
    """Move and rename what an earlier release left. Raises StoreUnavailable; run again, it
    continues.
    """
    if ledger.dialect.name == "sqlite":
        _move(ledger, {FEEDBACK: labels, COPIES: evidence, EVIDENCE: evidence, MARKS: evidence})
    _shorten_ids(labels)


def _move(ledger: Engine, homes: dict[Table, Engine]) -> None:
    with statements(ledger) as connection:
        present = set(inspect(connection).get_table_names())

    for table, home in homes.items():
        while table.name in present and _move_some(ledger, table, home):
            pass


def _move_some(ledger: Engine, table: Table, home: Engine) -> bool:
    """Move the next rows of a table; False where there are none. The table stays, for programs that
    still know it.
    """
    with statements(ledger) as connection:
        names = [column["name"] for column in inspect(connection).get_columns(table.name)]
        columns = ", ".join(filter(table.c.__contains__, names))
        rows_of = f"SELECT rowid, {columns} FROM {table.name}"  # noqa: S608
        query = text(f"{rows_of} ORDER BY rowid LIMIT {AT_ONCE}")
        rows = list(map(dict, connection.execute(query).mappings()))

    if not rows:
        return False

    last = rows[-1]["rowid"]
    for row in rows:
        del row["rowid"]
        if table is FEEDBACK:
            row["prediction_id"] = short_id(row["prediction_id"])

    with transaction(home) as connection:
        _insert(connection, table, rows)

    with transaction(ledger) as connection:
        done = text(f"DELETE FROM {table.name} WHERE rowid <= :last")  # noqa: S608
        connection.execute(done, {"last": last})

    return True


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    insert = sqlite.insert(table)
    keys = list(table.primary_key)
    if table is EVIDENCE:
        new = insert.excluded
        insert = insert.on_conflict_do_update(
            index_elements=keys,
            set_={"serial": new.serial, "body": new.body},
            where=EVIDENCE.c.serial < new.serial,
        )
    else:
        insert = insert.on_conflict_do_nothing(index_elements=keys)

    connection.execute(insert, rows)


def _shorten_ids(labels: Engine) -> None:
    long = select(FEEDBACK.c.prediction_id).where(
        func.length(FEEDBACK.c.prediction_id) > LONGEST_SHORT_ID
    )
    after = ""
    while True:
        query = (
            long.where(FEEDBACK.c.prediction_id > after)
            .order_by(FEEDBACK.c.prediction_id)
            .limit(AT_ONCE)
        )
        with statements(labels) as connection:
            ids = list(connection.scalars(query))
        if not ids:
            return

        after = ids[-1]
        with transaction(labels) as connection:
            _rename(connection, ids)


def _rename(connection: Connection, ids: list[str]) -> None:
    """Rename labels; of several whose ids were spellings of one, the first stays."""
    names = []
    for prediction_id in ids:
        short = short_id(prediction_id)
        if short != prediction_id:
            names.append({"old": prediction_id, "new": short})

    if not names:
        return

    other = FEEDBACK.alias()
    taken = select(other.c.prediction_id).where(other.c.prediction_id == bindparam("new")).exists()
    is_old = FEEDBACK.c.prediction_id == bindparam("old")
    renamed = update(FEEDBACK).where(is_old, ~taken).values(prediction_id=bindparam("new"))
    connection.execute(renamed, names)
    connection.execute(delete(FEEDBACK).where(is_old), names)


def short_id(prediction_id: str) -> str:
    """What labels of an id are counted by: its signature, and the row where there are several."""
    if len(prediction_id) <= LONGEST_SHORT_ID:
        return prediction_id

    token, dot, row = prediction_id.partition(".")
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return prediction_id

    return f"{raw[-SIGNATURE_BYTES:].hex()}{dot}{row}"
