"""A database reached by its driver alone, one statement at a time: for commands, which end soon and
must start at once.

SQLAlchemy's import takes several times as long as a whole `rollback`; routers, which keep a
database open, use its pool."""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.causes import explained
from store.errors import StoreUnavailable

BUSY_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 5
# A write-ahead log that grew is cut back to this when it is next begun anew.
WAL_BYTES = 16 * 1024 * 1024
# Silence from a database that vanished without a goodbye ends after these seconds, not after TCP's
# two hours.
LIVELINESS = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": STATEMENT_TIMEOUT_S * 1000,
}
_FILE = "sqlite:///"
_NAMED = re.compile(r":([a-z_]+)")
# What libpq and SQLAlchemy read alike; any other spelling is left to SQLAlchemy.
_SERVER = re.compile(
    r"postgres(?:ql)?(?:\+psycopg)?://"
    r"(?P<user>[\w.~-]+):(?P<password>(?:[\w.~-]|%[0-9A-Fa-f]{2})*)"
    r"@(?P<at>[\w.-]+(?::\d+)?/[\w-]+(?:\?[\w=&./-]+)?)",
    re.ASCII,
)


@dataclass(frozen=True)
class Result:
    """rows: what a statement returned; changed: how many rows it wrote."""

    rows: list[Any]
    changed: int


Run = Callable[[str, Mapping[str, Any]], Result]
"""Runs one statement, which commits by itself: its text, with `:name` where a value stands, and the
values.
"""


class DirectDatabase:
    """One database. Not for several threads; close it in the end. It connects with the first
    statement.
    """

    def run(self, sql: str, values: Mapping[str, Any]) -> Result:
        """See Run; raises StoreUnavailable, and works again when the database does."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection."""
        raise NotImplementedError


def direct(url: str) -> DirectDatabase | None:
    """The database of an address, None where it is written in a way that needs SQLAlchemy to be
    read.
    """
    plain = url.strip()
    path = plain.removeprefix(_FILE)
    if path not in (plain, "", ":memory:") and "?" not in path:
        return DirectFile(plain)

    if match := _SERVER.fullmatch(plain):
        return DirectServer(match)
    return None


class DirectFile(DirectDatabase):
    """SQLite's."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._path = Path(url.removeprefix(_FILE))
        self._connection: sqlite3.Connection | None = None

    def run(self, sql: str, values: Mapping[str, Any]) -> Result:
        """See Run."""
        try:
            if self._connection is None:
                self._connection = self._opened()
            cursor = self._connection.execute(sql, dict(values))
            return Result(cursor.fetchall(), cursor.rowcount)
        except sqlite3.Error as error:
            self.close()
            raise StoreUnavailable(explained(self._url, str, error)) from None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        make_file(self._path)
        made = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            tune_file(made)
        except BaseException:
            made.close()
            raise

        return made


class DirectServer(DirectDatabase):
    """PostgreSQL's, by psycopg. parts: the address, matched."""

    def __init__(self, parts: re.Match[str]) -> None:
        self._address = f"postgresql://{parts['user']}:{parts['password']}@{parts['at']}"
        self._shown = f"postgresql+psycopg://{parts['user']}:***@{parts['at']}"
        self._password = parts["password"]
        self._connection: Any = None

    def run(self, sql: str, values: Mapping[str, Any]) -> Result:
        """See Run."""
        import psycopg

        try:
            connection = self._connected(psycopg)
            cursor = connection.execute(_NAMED.sub(r"%(\1)s", sql), dict(values))
            rows = cursor.fetchall() if cursor.description else []
            return Result(rows, cursor.rowcount)
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(explained(self._shown, self._without_password, error)) from None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self, psycopg: Any) -> Any:
        """The connection; one that was cut since its last statement is made anew."""
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error:
                self.close()

        if self._connection is None:
            self._connection = psycopg.connect(self._address, autocommit=True, **self._liveliness())
            # Not in the start-up packet: poolers such as PgBouncer refuse unknown parameters there.
            self._connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")

        return self._connection

    def _liveliness(self) -> dict[str, Any]:
        options = dict(LIVELINESS)
        for pair in self._address.partition("?")[2].split("&"):
            options.pop(pair.partition("=")[0], None)

        return options

    def _without_password(self, text: str) -> str:
        from urllib.parse import unquote

        for written in {self._password, unquote(self._password)} - {""}:
            text = text.replace(written, "***")
        return text


def make_file(path: Path) -> None:
    """Make the file and the folders missing above it, for this user alone; raises StoreUnavailable.

    A file that exists is not touched: to open and close it would take away every lock that this
    process's other connections hold on it (SQLite, "How To Corrupt", 2.2), and somebody else's last
    connection would delete their WAL."""
    if path.exists():
        return

    try:
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)

        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(
            f"The ledger's file {path} cannot be opened: {error.strerror}. "
            "See that its folder exists and that this user may write there."
        ) from None


def tune_file(connection: sqlite3.Connection) -> None:
    """What every connection to a SQLite file needs before its first statement."""
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for the lock that this switch needs, so two processes that start at once
    take turns here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
