"""The tables of the history. On SQLite they are in a file of their own, `ledger-history.db`: no act
waits for a lock of theirs, and the file gives back what deleted rows took."""

import sqlite3

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
)

from store.engine import part_engine

HISTORY_TABLES = MetaData()
HISTORY_PART = "history"
WAL_PAGES = 256
"""Of the write-ahead log, after which its pages go to the file: 1 MiB."""

SOURCES = Table(
    "history_sources",
    HISTORY_TABLES,
    Column("model", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("totals", LargeBinary, nullable=False),
)
"""What each machine has handed in so far, in the life of its counts."""

BLOCKS = Table(
    "history_blocks",
    HISTORY_TABLES,
    Column("model", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("rolled", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("history_blocks_by_time", "model", "last_at"),
    Index("history_blocks_by_rolled", "model", "rolled"),
)
"""Some seconds of one machine each: what came in each of them."""

STEPS = Table(
    "history_steps",
    HISTORY_TABLES,
    Column("model", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""Blocks added up by minute and by hour, all machines together."""

MOMENTS = Table(
    "history_moments",
    HISTORY_TABLES,
    Column("model", Text, primary_key=True),
    Column("at", Float(53), primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


def history_engine(ledger: Engine) -> Engine:
    """The engine of the history that belongs to a ledger."""
    made = part_engine(ledger, HISTORY_PART)
    if made.dialect.name == "sqlite" and not event.contains(made, "connect", _save_space):
        # Before the write-ahead log is switched on: a file with a page in it keeps its way of
        # freeing pages.
        event.listen(made, "connect", _save_space, insert=True)
        event.listen(made, "connect", _hurry)

    return made


def _save_space(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")


def _hurry(connection: sqlite3.Connection, _record: object) -> None:
    # A power failure may cost the last seconds of the history, never its integrity; the ledger does
    # not share the disk's queue with more than it must.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * 4096}")
