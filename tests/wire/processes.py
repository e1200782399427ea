"""gunicorn as it really runs, on a free port, with the toy app; and clients that say the bytes they
are told.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.until import until
from tests.wire.fake_connection import Answers

ROOT = Path(__file__).parents[2]
GRACEFUL_S = 60
FAST = "wire.worker.FastPathWorker"
OWN = "gunicorn.workers.gasgi.ASGIWorker"


class Gunicorn:
    """One server and its workers."""

    def __init__(
        self,
        folder: Path,
        worker_class: str = FAST,
        workers: int = 1,
        linger_s: float = 0.3,
        files: int | tuple[int, int] | None = None,
        **settings: Any,
    ) -> None:
        self._log = folder / "gunicorn.log"
        self.ended = folder / "ended"
        asked = {
            "bind": "127.0.0.1:0",
            "worker-class": worker_class,
            "workers": workers,
            "keep-alive": 60,
        }
        asked |= {"asgi-loop": "uvloop", "http-parser": "fast", "graceful-timeout": 20} | settings
        options = [
            word
            for name, value in asked.items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            *options,
            "--no-control-socket",
            "tests.wire.toy_app:create_app()",
        ]
        if files is not None:
            # Files that it may open: both limits, or the soft and the hard one.
            soft, hard = files if isinstance(files, tuple) else (files, files)
            command = ["prlimit", f"--nofile={soft}:{hard}", *command]

        with self._log.open("wb") as log:
            # A group of its own, so that whatever fails, no worker is left.
            env = os.environ | {"TOY_ENDED": str(self.ended), "TOY_LINGER_S": str(linger_s)}
            self.running = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=log, stderr=log, process_group=0
            )

        found = until(
            lambda: re.search(r"Listening at: (?:unix|http://\S+):(\S+)", self.log()),
            "gunicorn listens",
        )
        self.port = 0 if str(asked["bind"]).startswith("unix:") else int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"
        until(lambda: self.log().count("ASGI server listening") >= workers, "every worker listens")

    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text()

    def connect(self) -> "Client":
        """A new connection."""
        return Client(socket.create_connection(("127.0.0.1", self.port), timeout=120))

    def signal(self, which: signal.Signals) -> None:
        """Signal the server, not its workers."""
        self.running.send_signal(which)

    def end(self) -> float:
        """Ask it to end, and wait; returns the seconds that took."""
        began = time.monotonic()
        if self.running.poll() is None:
            self.running.terminate()

        try:
            self.running.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
            raise

        return time.monotonic() - began

    def kill(self) -> None:
        """End it at once, and workers that outlived it."""
        with suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def worker(self) -> dict:
        """What the worker holds; this question's own connection is one of its `conns`."""
        return httpx.get(f"{self.url}/worker", timeout=120).json()


class Client:
    """One connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.answers = Answers()
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send these bytes, whole."""
        self.socket.sendall(data)

    def read(self, answers: int | None = None, deadline_s: float = 120.0) -> list[int]:
        """Read until so many answers have come in all, or the server closed; returns the statuses
        of all so far.
        """
        end = time.monotonic() + deadline_s
        while not self.closed and (answers is None or len(self.answers.statuses) < answers):
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if data:
                self.answers.feed(data)
            else:
                self.closed = True

        return self.answers.statuses

    def ask(self, data: bytes) -> int:
        """Send one request and read its answer; returns its status."""
        self.send(data)
        return self.read(len(self.answers.statuses) + 1)[-1]

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def gunicorn(folder: Path, **options: Any) -> Iterator[Gunicorn]:
    """A server that is gone afterwards."""
    made = Gunicorn(folder, **options)
    try:
        yield made
    finally:
        made.kill()
