"""Processes that a benchmark starts, waits for, weighs and ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / "var" / "bench"
START_DEADLINE_S = 120.0


class BenchmarkFailed(Exception):
    """A measurement could not be made; the message says what to do."""


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], what: str, deadline_s: float = START_DEADLINE_S) -> None:
    """Wait for a condition; raises BenchmarkFailed naming it after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise BenchmarkFailed(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.02)


def answers(url: str, method: str = "GET", **what: object) -> bool:
    """Whether a 200 comes back."""
    try:
        answer = httpx.request(method, url, timeout=10.0, **what)  # type: ignore[arg-type]
        return answer.status_code == 200
    except httpx.HTTPError:
        return False


class Processes:
    """A context that ends, last started first, each process group that was started in it."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._running: list[subprocess.Popen[bytes]] = []
        log.parent.mkdir(parents=True, exist_ok=True)

    def start(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> int:
        """Start a command as a process group of its own; returns its process id."""
        env = {**os.environ, "OMP_NUM_THREADS": "1", **(environ or {})}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        self._running.append(process)
        return process.pid

    def check(self) -> None:
        """Raise BenchmarkFailed where one of them has ended."""
        for process in self._running:
            if process.poll() is not None:
                raise BenchmarkFailed(
                    f"{process.args} ended with {process.returncode}: read {self.log}"
                )

    def wait_for(self, url: str, method: str = "GET", **what: object) -> None:
        """Wait until `url` answers 200."""

        def ready() -> bool:
            self.check()
            return answers(url, method, **what)

        until(ready, f"{url} answers (see {self.log})")

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)

    try:
        process.wait(20)
        until(lambda: not _is_there(process.pid), "the rest of its group ends", 5)
    except (subprocess.TimeoutExpired, BenchmarkFailed):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = (task / "children").read_text().split()
            pids += [descendant for child in children for descendant in tree(int(child))]

    return pids


def resident_mb(pids: Sequence[int]) -> float:
    """Proportional set size of these processes together, in MB: shared pages count once."""
    total = 0
    for pid in set(pids):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

    return total / 1024


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those of these processes that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
