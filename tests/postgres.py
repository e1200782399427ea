"""A real PostgreSQL for tests, from Debian's packages: own folder, free port, gone afterwards.

A conftest registers the fixtures by importing them: `from tests.postgres import postgres_server, postgres_url`.
"""

import getpass
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

PASSWORD = "s3cret/of the@test"
QUOTED_PASSWORD = "s3cret%2Fof%20the%40test"
MISSING = "PostgreSQL is not installed: `apt-get install postgresql` to run this test"
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


@dataclass
class Postgres:
    """A server that a test may `stop` and `start` again; it keeps its port and its data."""

    binaries: Path
    folder: Path
    user: str
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = "postgres") -> str:
        """The address in the form that Heroku gives: postgres://user:password@host:port/name."""
        return f"postgres://sluice:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection past all of our code, in autocommit."""
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
        """Start and wait until it answers; raises RuntimeError with the server's log when it does not."""
        settings = [part for setting in _QUICK for part in ("-c", setting)]
        where = ["-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_dies_with_us(), str(self.binaries / "postgres"), *where, *settings],
                stdout=log, stderr=log, **_identity(self.user, self.folder),
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        """Stop at once: clients are cut off, as when a database's machine is lost."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20)
            self.process = None

    def _wait(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server on a free port; skips the test when PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="sluice-postgres-"))
    server = Postgres(binaries, folder, _user(), _free_port())
    try:
        _initialise(server)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests; whoever stops it starts it again."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """The URL of an empty database of its own."""
    return postgres_server.create_database()


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _user() -> str:
    """PostgreSQL refuses to run as root, so root lends it the account that Debian made for it."""
    if os.geteuid() != 0:
        return getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _identity(user: str, folder: Path) -> dict:
    """Arguments that run a process as `user`, in its folder."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    group = pwd.getpwnam(user).pw_gid
    return {"cwd": folder, "user": user, "group": group, "extra_groups": []}


def _dies_with_us() -> list[str]:
    """Leave no server behind when the test run is killed."""
    return ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _initialise(server: Postgres) -> None:
    secret = server.folder / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(server.user)
        for path in (server.folder, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    arguments = ["-D", str(server.folder / "data"), "-U", "sluice", "-A", "scram-sha-256", "-E", "UTF8"]
    done = subprocess.run(
        [str(server.binaries / "initdb"), *arguments, f"--pwfile={secret}", "--locale=C", "--no-sync"],
        capture_output=True, text=True, check=False, **_identity(server.user, server.folder),
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")
