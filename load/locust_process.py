"""Locust as a child process in an environment of its own, which ends with this one."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import ceil
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-locust" / "bin" / "python"
LOCUSTFILE = ROOT / "load" / "locust" / "locustfile.py"
ENDS_S = 30.0
"""How long it may take to begin and to end beside the run itself."""
WEB_PORT = 8089


class LocustMissing(Exception):
    """Its environment was not made."""


class LocustFailed(Exception):
    """It could not run; the message says what it said."""


@dataclass(frozen=True)
class LocustJob:
    """What locustfile.py sends. key: hexadecimal, of the mark; empty for none."""

    path: str
    bodies: str
    unit_header: str
    units: int
    run: str
    key: str
    think_s: float
    parent: int


@dataclass(frozen=True)
class LocustEntry:
    """One line of its table; times in whole milliseconds, as it rounds them."""

    name: str
    requests: int
    failures: int
    p50_ms: int
    p99_ms: int


@dataclass(frozen=True)
class LocustRun:
    """What came of a run. entries: by version; empty where it had a page of its own."""

    entries: tuple[LocustEntry, ...]
    seconds: float
    failed: bool


def run_locust(
    job: LocustJob, host: str, users: int, seconds: float, web: bool = False, report: str = ""
) -> LocustRun:
    """Run it to its end. report: where it writes its own page, empty for none.

    Raises LocustMissing, LocustFailed."""
    if not PYTHON.exists():
        raise LocustMissing

    with TemporaryDirectory(prefix="sluice-locust-") as folder:
        named = Path(folder) / "job.json"
        named.write_text(json.dumps(asdict(job)))
        environ = {**os.environ, "SLUICE_LOAD_JOB": str(named), "PYTHONPATH": str(ROOT)}
        words = [*_command(host, users, seconds), *_ways(web)]
        if report:
            words += ["--html", report]

        with _child(words, environ, keeps=not web) as child:
            out, _ = child.communicate(timeout=seconds + ENDS_S)

    # Its own code for failed requests is 1; what comes besides is a failure to run.
    if child.returncode not in (0, 1):
        raise LocustFailed(f"it ended with code {child.returncode}: its words are above")
    if web:
        return LocustRun((), seconds, bool(child.returncode))

    return LocustRun(*figures_of(out), bool(child.returncode))


def figures_of(out: bytes) -> tuple[tuple[LocustEntry, ...], float]:
    """The entries and the seconds of what it printed; raises LocustFailed."""
    try:
        stats = json.loads(out)
        return tuple(map(_entry, stats)), _seconds(stats)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise LocustFailed("it told no figures: its words are above") from error


def _command(host: str, users: int, seconds: float) -> list[str]:
    words = [str(PYTHON), "-m", "locust", "-f", str(LOCUSTFILE), "--host", host]
    words += ["--users", str(users), "--spawn-rate", str(users)]
    return [*words, "--run-time", f"{ceil(seconds)}s", "--stop-timeout", "5"]


def _ways(web: bool) -> list[str]:
    if web:
        page = ["--web-host", "127.0.0.1", "--web-port", str(WEB_PORT)]
        return [*page, "--autostart", "--autoquit", "5"]
    return ["--headless", "--json", "--only-summary", "--loglevel", "WARNING"]


@contextmanager
def _child(
    words: Sequence[str], environ: dict[str, str], keeps: bool
) -> Iterator["subprocess.Popen[bytes]"]:
    """A child that is gone at the end of the context. keeps: what it prints."""
    output = subprocess.PIPE if keeps else None
    with subprocess.Popen(words, cwd=ROOT, env=environ, stdout=output) as child:
        try:
            yield child
        except subprocess.TimeoutExpired as error:
            raise LocustFailed(f"it did not end within {error.timeout:.0f} s") from error
        finally:
            if child.poll() is None:
                child.kill()


def _entry(stats: dict[str, Any]) -> LocustEntry:
    times = {int(took): count for took, count in stats["response_times"].items()}
    return LocustEntry(
        stats["name"],
        stats["num_requests"],
        stats["num_failures"],
        _percentile(times, 50),
        _percentile(times, 99),
    )


def _percentile(times: dict[int, int], percent: float) -> int:
    """The smallest time that so many do not exceed; 0 where there is none."""
    rank, passed = sum(times.values()) * percent / 100, 0
    for took, count in sorted(times.items()):
        passed += count
        if passed >= rank:
            return took

    return 0


def _seconds(stats: Sequence[dict[str, Any]]) -> float:
    begun = min(map(itemgetter("start_time"), stats), default=0.0)
    ended = max(map(itemgetter("last_request_timestamp"), stats), default=0.0)
    return float(ended - begun)
