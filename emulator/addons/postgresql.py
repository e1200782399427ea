"""PostgreSQL as a child of this process: in a folder of its own, on the loopback, fast and not
durable.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None where there is none."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    if newest:
        return newest.parent

    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    return None


def free_port() -> int:
    """A port of the loopback on which no process listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def initialise(programs: Path, folder: Path, role: str, password: str) -> None:
    """Make the data of a new server whose first role is `role`; raises RuntimeError with initdb's
    output.
    """
    secret = folder / "password"
    secret.write_text(password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(_account())
        for path in (folder, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    arguments = ["-D", str(folder / "data"), "-U", role, "-A", "scram-sha-256", "-E", "UTF8"]
    command = [
        str(programs / "initdb"),
        *arguments,
        f"--pwfile={secret}",
        "--locale=C",
        "--no-sync",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_identity(folder))
    secret.unlink()
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def start(programs: Path, folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start the server of a folder in a session of its own.

    It ends with this process where the system has setpriv.
    """
    settings = [part for setting in FAST for part in ("-c", setting)]
    address = ["-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*_end_with_parent(), str(programs / "postgres"), *address, *settings],
            stdout=log, stderr=log, start_new_session=True, **_identity(folder),
        )  # fmt: skip


def wait(
    process: "subprocess.Popen[bytes]",
    folder: Path,
    connect: Callable[[], psycopg.Connection],
    seconds: float,
) -> None:
    """Wait until it answers; raises RuntimeError with the end of its log when it does not."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            connect().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return

    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")


def _account() -> str:
    """PostgreSQL refuses to run as root; root runs it under the account that Debian made for it."""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _identity(folder: Path) -> dict[str, Any]:
    """Arguments that run a process in its folder, and as another account than root."""
    if os.geteuid() != 0:
        return {"cwd": folder}

    return {
        "cwd": folder,
        "user": _account(),
        "group": pwd.getpwnam(_account()).pw_gid,
        "extra_groups": [],
    }


def _end_with_parent() -> list[str]:
    if shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", "INT"]
    return []
