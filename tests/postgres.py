"""A real PostgreSQL for tests, from Debian's packages: own folder, free port, gone afterwards.

A conftest registers the fixtures by importing them: `from tests.postgres import postgres_server,
postgres_url`.
"""

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from emulator.addons import postgresql

PASSWORD = "s3cret/of the@test"
QUOTED_PASSWORD = "s3cret%2Fof%20the%40test"
MISSING = "PostgreSQL is not installed: `apt-get install postgresql` to run this test"


@dataclass
class Postgres:
    """A server that a test may `stop` and `start` again; it keeps its port and its data."""

    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = "postgres") -> str:
        """The address in the form that Heroku gives: postgres://user:password@host:port/name."""
        return f"postgres://sluice:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection that uses none of our code, in autocommit."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="sluice", password=PASSWORD, dbname=database,
            autocommit=True, connect_timeout=2,
        )  # fmt: skip

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        """Start and wait until it answers; raises RuntimeError with the server's log."""
        self.process = postgresql.start(self.binaries, self.folder, self.port)
        postgresql.wait(self.process, self.folder, self.connect, 20)

    def stop(self) -> None:
        """Stop at once: clients lose their connections, as when a database's machine fails."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=300)
            self.process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server on a free port; skips the test when PostgreSQL is not installed."""
    binaries = postgresql.binaries()
    if binaries is None:
        pytest.skip(MISSING)

    folder = Path(tempfile.mkdtemp(prefix="sluice-postgres-"))
    server = Postgres(binaries, folder, postgresql.free_port())
    try:
        postgresql.initialise(binaries, folder, "sluice", PASSWORD)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests; a test that stops it starts it again."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """The URL of an empty database of its own."""
    return postgres_server.create_database()
