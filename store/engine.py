"""Opens the database, SQLite in WAL or PostgreSQL through psycopg 3, and explains why it cannot.

Every statement commits by itself, so that a poll costs one statement and no transaction;
what must be all or nothing runs in `transaction`.
Build one engine a process, after forking: connections must not be shared between processes.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text

from store.causes import explained
from store.direct import (
    BUSY_TIMEOUT_S,
    LIVELINESS,
    STATEMENT_TIMEOUT_S,
    Result,
    Run,
    make_file,
    tune_file,
)
from store.errors import StoreError, StoreUnavailable

_POSTGRESQL = "postgresql+psycopg"


def engine(url: str) -> Engine:
    """Return an engine for `url` (sqlite:///path, postgres://..., postgresql://...); no connection
    is made yet.

    Raises StoreError for a URL that is neither, StoreUnavailable when SQLite's folder cannot be
    made."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return _postgresql(parsed)


def part_engine(ledger: Engine, name: str) -> Engine:
    """The engine of a part of the record that shares no lock and no connection with the ledger.

    SQLite locks a whole file, so there it is another file, `ledger-NAME.db`; on PostgreSQL it is
    the same database with connections of its own. One engine for each ledger and name; disposed of
    with the ledger's."""
    engines = _PARTS.setdefault(ledger, {})
    if name not in engines:
        with _MAKING:
            if name not in engines:
                engines[name] = _made_part(ledger, name)
                event.listen(ledger, "engine_disposed", lambda _: engines[name].dispose())

    return engines[name]


def _made_part(ledger: Engine, name: str) -> Engine:
    path = part_file(ledger, name)
    if path is None:
        return _postgresql(ledger.url)
    return _sqlite(ledger.url.set(database=str(path)))


def part_file(ledger: Engine, name: str) -> Path | None:
    """The file of a part of the record; None on PostgreSQL."""
    if ledger.dialect.name != "sqlite":
        return None
    path = Path(str(ledger.url.database))
    return path.with_name(f"{path.stem}-{name}{path.suffix}")


_PARTS: WeakKeyDictionary[Engine, dict[str, Engine]] = WeakKeyDictionary()
_MAKING = threading.Lock()


@contextmanager
def statements(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement commits by itself; raises StoreUnavailable for the
    database's faults.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except exc.IntegrityError:
        raise
    # What fails while a connection is being opened and tuned arrives as the driver's own error,
    # unwrapped.
    except (exc.DBAPIError, exc.TimeoutError, engine.dialect.loaded_dbapi.Error) as error:
        raise StoreUnavailable(_explain(engine.url, error)) from None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements are recorded all or none; raises StoreUnavailable for the
    database's faults.
    """
    begin = "BEGIN"
    if engine.dialect.name == "sqlite":
        begin = "BEGIN IMMEDIATE"

    with _begun(engine, begin) as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements all read the database as it was at the first of them; raises
    StoreUnavailable for the database's faults.
    """
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    if engine.dialect.name == "sqlite":
        begin = "BEGIN"

    with _begun(engine, begin) as connection:
        yield connection


@contextmanager
def _begun(engine: Engine, begin: str) -> Iterator[Connection]:
    with statements(engine) as connection:
        connection.exec_driver_sql(begin)
        try:
            yield connection
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


def pooled(engine: Engine) -> Run:
    """Runs statements on the engine's connections, for threads that share it."""

    def run(sql: str, values: Mapping[str, Any]) -> Result:
        with statements(engine) as connection:
            done = connection.execute(text(sql), dict(values))
            rows = list(map(tuple, done)) if done.returns_rows else []
            return Result(rows, done.rowcount)

    return run


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
        raise StoreError(
            "A ledger in memory would be lost with the process. Name a file: "
            "sqlite:///var/ledger.db"
        )

    make_file(Path(url.database))
    made = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        pool_timeout=5,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    _watch_file(made, Path(url.database))
    event.listen(made, "connect", _tune_sqlite)
    return made


def _watch_file(made: Engine, path: Path) -> None:
    """Notice a file that was deleted or replaced: a connection to the old one would read and write
    what nobody else sees.

    Nor may a new connection make an empty file in its place.
    """

    def number() -> tuple[int, int]:
        try:
            status = path.stat()
        except OSError:
            raise sqlite3.OperationalError(f"unable to open {path}: the file is gone") from None
        return status.st_dev, status.st_ino

    def before_connect(_dialect: object, record: Any, _arguments: object, _options: object) -> None:
        record.info["file"] = number()

    def before_use(_connection: object, record: Any, _proxy: object) -> None:
        if record.info["file"] != number():
            raise exc.DisconnectionError("the file was replaced")

    event.listen(made, "do_connect", before_connect)
    event.listen(made, "checkout", before_use)


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    tune_file(connection)


def _postgresql(url: URL) -> Engine:
    options = dict(LIVELINESS)
    for name in url.query:
        options.pop(name, None)

    made = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=5,
        connect_args=options,
    )
    event.listen(made, "connect", _tune_postgresql)
    return made


def _tune_postgresql(connection: Any, _record: object) -> None:
    # Not in the start-up packet: poolers such as PgBouncer refuse unknown parameters there.
    connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")


def _explain(url: URL, error: Exception) -> str:
    shown = url.render_as_string(hide_password=True)
    return explained(shown, partial(_without_password, url), error)


def _without_password(url: URL, text: str) -> str:
    password = str(url.password or "")
    for written in {password, quote(password, safe=""), quote_plus(password)} - {""}:
        text = text.replace(written, "***")
    return text
