"""Opens the database: SQLite in WAL, or PostgreSQL through psycopg 3; and says in plain words why it cannot.

Every statement commits by itself, so that a poll costs one statement and no transaction;
what must be all or nothing runs in `transaction`.
Build one engine a process, after forking: connections must not be shared between processes.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from store.errors import StoreError, StoreUnavailable

BUSY_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 5
# A write-ahead log that grew is cut back to this when it is next begun anew.
WAL_BYTES = 16 * 1024 * 1024
_POSTGRESQL = "postgresql+psycopg"
# Silence from a database that vanished without a goodbye ends after these seconds, not after TCP's two hours.
LIVELINESS = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": STATEMENT_TIMEOUT_S * 1000,
}
_NEXT_STEPS = {
    "locked": "Another process holds it: wait for it to end, or find it with `fuser` on the file",
    "disk is full": "Free some space and try again",
    "readonly": "Give this user the right to write the file and its folder",
    "unable to open": "See that its folder exists and that this user may write there",
    "not a database": "The file is something else: move it away, or name another one",
    "malformed": "Restore the file from a backup",
    "no such table": "Its tables were never made: bring the stack up once, which makes them",
    'role "': "Correct the user or the password in DATABASE_URL",
    "does not exist": "Create the database, or bring the stack up once, which makes its tables",
    "authentication": "Correct the user or the password in DATABASE_URL",
    "queuepool limit": "Too many acts at once: try again",
    "statement timeout": "The database is overloaded or a row is locked: try again",
}


def engine(url: str) -> Engine:
    """Return an engine for `url` (sqlite:///path, postgres://..., postgresql://...); no connection is made yet.

    Raises StoreError for a URL that is neither, StoreUnavailable when SQLite's folder cannot be made.
    """
    parsed = _parse(url)
    return _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)


def beside(ledger: Engine, name: str) -> Engine:
    """The engine of what is kept beside the ledger under a name, so that no lock and no connection is shared with it.

    SQLite locks a whole file, so there it is another file, `ledger-NAME.db`; on PostgreSQL the same database with
    connections of its own. One a ledger's engine and name; disposed of with it.
    """
    there = _BESIDE.setdefault(ledger, {})
    if name not in there:
        url = ledger.url
        if ledger.dialect.name == "sqlite":
            path = Path(str(url.database))
            url = url.set(database=str(path.with_name(f"{path.stem}-{name}{path.suffix}")))
        with _MAKING:
            if name not in there:
                there[name] = _sqlite(url) if ledger.dialect.name == "sqlite" else _postgresql(url)
                event.listen(ledger, "engine_disposed", lambda _: there[name].dispose())
    return there[name]


_BESIDE: WeakKeyDictionary[Engine, dict[str, Engine]] = WeakKeyDictionary()
_MAKING = threading.Lock()


@contextmanager
def statements(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement commits by itself; raises StoreUnavailable for the database's faults."""
    try:
        with engine.connect() as connection:
            yield connection
    except exc.IntegrityError:
        raise
    # What fails while a connection is being opened and tuned arrives as the driver's own error, unwrapped.
    except (exc.DBAPIError, exc.TimeoutError, engine.dialect.loaded_dbapi.Error) as error:
        raise StoreUnavailable(_explain(engine.url, error)) from None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements are recorded all or none; raises StoreUnavailable for the database's faults."""
    begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
    with statements(engine) as connection:
        connection.exec_driver_sql(begin)
        try:
            yield connection
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


def _roll_back(connection: Connection) -> None:
    """Undo, unless the connection is gone, in which case the database has undone it already."""
    if not connection.invalidated:
        try:
            connection.exec_driver_sql("ROLLBACK")
        except exc.SQLAlchemyError:
            connection.invalidate()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url.strip())
    except (exc.ArgumentError, ValueError):
        raise StoreError(
            "DATABASE_URL cannot be read (its text is not shown: it may hold a password). "
            "Write sqlite:///var/ledger.db or postgresql://user:password@host:5432/name"
        ) from None
    if parsed.drivername in ("postgres", "postgresql", _POSTGRESQL):
        return parsed.set(drivername=_POSTGRESQL)
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    raise StoreError(
        f"The record cannot live in `{parsed.drivername}`. "
        "Write sqlite:///var/ledger.db or postgresql://user:password@host:5432/name"
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StoreError("A ledger in memory would be lost with the process. Name a file: sqlite:///var/ledger.db")
    _make_file(Path(url.database))
    made = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        pool_timeout=5,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    event.listen(made, "connect", _tune_sqlite)
    return made


def _make_file(path: Path) -> None:
    """Make the file and the folders missing above it, for this user alone.

    A file that exists is not touched: to open and close it would take away every lock that this process's other
    connections hold on it (SQLite, "How To Corrupt", 2.2), and somebody else's last connection would delete their WAL.
    """
    if path.exists():
        return
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(
            f"The ledger's file {path} cannot be opened: {error.strerror}. "
            "See that its folder exists and that this user may write there."
        ) from None


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for the lock that this switch needs, so two processes that start at once take turns here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgresql(url: URL) -> Engine:
    wanted = {name: value for name, value in LIVELINESS.items() if name not in url.query}
    made = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=5,
        connect_args=wanted,
    )
    event.listen(made, "connect", _tune_postgresql)
    return made


def _tune_postgresql(connection: Any, _record: object) -> None:
    # Not in the start-up packet: poolers such as PgBouncer refuse unknown parameters there.
    connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")


def _explain(url: URL, error: Exception) -> str:
    """One sentence of cause and one of what to do, without password and without SQL."""
    cause = _without_password(url, _first_line(error))
    step = next((step for sign, step in _NEXT_STEPS.items() if sign in cause.lower()), None)
    step = step or "See that the database runs and can be reached, then try again"
    return f"The record at {url.render_as_string(hide_password=True)} cannot be used: {cause}. {step}."


def _first_line(error: Exception) -> str:
    """The driver's own words; of several lines the first, which names the cause."""
    words = str(getattr(error, "orig", None) or error).partition(" (Background on")[0]
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _without_password(url: URL, text: str) -> str:
    password = str(url.password or "")
    for written in {password, quote(password, safe=""), quote_plus(password)} - {""}:
        text = text.replace(written, "***")
    return text
