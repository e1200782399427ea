"""A real PostgreSQL for heroku-postgresql. It starts with the first add-on."""

import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from emulator.addons import postgresql

START_S = 30
ROLE = "emulator"


def describe(url: str) -> tuple[str, int, int, str]:
    """A database's size as text, number of tables and connections, and the server's version.

    Raises psycopg.Error.
    """
    query = """SELECT pg_size_pretty(pg_database_size(current_database())),
        (SELECT count(*) FROM pg_catalog.pg_stat_user_tables),
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()) - 1,
        current_setting('server_version')"""
    with psycopg.connect(url, connect_timeout=2) as connection:
        size, tables, connections, version = connection.execute(query).fetchone() or ("", 0, 0, "")

    return size, tables, connections, version.partition(" ")[0]


class Databases:
    """One server in a folder of its own; each add-on has a role and a database on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = secrets.token_hex(16)

    @staticmethod
    def missing() -> str:
        """Why this machine cannot provide one; empty when it can."""
        if postgresql.binaries():
            return ""
        return "there is no PostgreSQL here; `apt-get install postgresql` to rehearse with it"

    def create(self, name: str) -> str:
        """Create an empty database; returns its URL in Heroku's form. Blocks.

        Raises RuntimeError or psycopg.Error.
        """
        if self.process is None:
            self._start()

        password = secrets.token_hex(24)
        with self._connect() as connection:
            role = sql.Identifier(name)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password))
            )
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

        return f"postgres://{quote(name)}:{password}@127.0.0.1:{self.port}/{quote(name)}"

    def drop(self, name: str) -> None:
        """Remove the database, and disconnect its clients."""
        with self._connect() as connection:
            role = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(role))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ROLE, password=self.password, dbname="postgres",
            autocommit=True, connect_timeout=2,
        )  # fmt: skip

    def _start(self) -> None:
        programs = postgresql.binaries()
        if programs is None:
            raise RuntimeError(self.missing())

        self.folder.mkdir(parents=True, exist_ok=True)
        postgresql.initialise(programs, self.folder, ROLE, self.password)
        self.port = postgresql.free_port()
        self.process = postgresql.start(programs, self.folder, self.port)
        postgresql.wait(self.process, self.folder, self._connect, START_S)
