"""A real PostgreSQL for heroku-postgresql: started with the first add-on, gone with the emulator."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

START_S = 30
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


class Databases:
    """One server in a folder of its own, a role and a database an add-on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = secrets.token_hex(16)

    @staticmethod
    def missing() -> str:
        """Why there can be none here; empty when there can."""
        return "" if _binaries() else "there is no PostgreSQL here; `apt-get install postgresql` to rehearse with it"

    def create(self, name: str) -> str:
        """An empty database; returns its URL in Heroku's form. Blocks; raises RuntimeError or psycopg.Error."""
        if self.process is None:
            self._start()
        password = secrets.token_hex(24)
        with self._connect() as connection:
            role = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        return f"postgres://{quote(name)}:{password}@127.0.0.1:{self.port}/{quote(name)}"

    def drop(self, name: str) -> None:
        """Remove the database, with whoever is connected to it."""
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
            host="127.0.0.1", port=self.port, user="emulator", password=self.password, dbname="postgres",
            autocommit=True, connect_timeout=2,
        )  # fmt: skip

    def _start(self) -> None:
        binaries = _binaries()
        if binaries is None:
            raise RuntimeError(self.missing())
        self.folder.mkdir(parents=True, exist_ok=True)
        self._initialise(binaries)
        self.port = _free_port()
        settings = [part for setting in QUICK for part in ("-c", setting)]
        where = ["-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_dies_with_us(), str(binaries / "postgres"), *where, *settings],
                stdout=log, stderr=log, start_new_session=True, **_identity(self.folder),
            )  # fmt: skip
        self._wait()

    def _initialise(self, binaries: Path) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_user())
            for path in (self.folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        arguments = ["-D", str(self.folder / "data"), "-U", "emulator", "-A", "scram-sha-256", "-E", "UTF8"]
        command = [str(binaries / "initdb"), *arguments, f"--pwfile={secret}", "--locale=C", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **_identity(self.folder))
        secret.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def _wait(self) -> None:
        end = time.monotonic() + START_S
        while self.process is not None and self.process.poll() is None and time.monotonic() < end:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _user() -> str:
    """PostgreSQL refuses to run as root, so root lends it another account."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _identity(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {"cwd": folder}
    return {"cwd": folder, "user": _user(), "group": pwd.getpwnam(_user()).pw_gid, "extra_groups": []}


def _dies_with_us() -> list[str]:
    return ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
