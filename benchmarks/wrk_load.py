"""Closed-loop load by wrk: so many connections, each sending its next request when the last one is
answered.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd

from benchmarks.processes import BenchmarkFailed
from examples.flights.data import instances, months

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """One measurement. failed: answers that were not 2xx, and requests without an answer."""

    requests: int
    failed: int
    requests_s: float
    p50_ms: float
    p99_ms: float


class _Report(msgspec.Struct):
    requests: int
    seconds: float
    not_ok: int
    connect: int
    broken: int
    late: int
    p50_ms: float
    p99_ms: float


def flights(count: int = 2_000) -> pd.DataFrame:
    """`count` flights of July to December, the same at every call."""
    return months(7, 12).sample(count).rows


def write_bodies(
    path: Path,
    template: str = '{"instances":[%s]}',
    count: int = 2_000,
    rows: Callable[[int], pd.DataFrame] = flights,
) -> Path:
    """`count` rows, one request a line; `%s` in the template is a row's JSON object.

    rows: flights of July to December unless something else is named.
    """
    if not path.exists():
        rows_sent = instances(rows(count))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "\n".join(template % msgspec.json.encode(row).decode() for row in rows_sent) + "\n"
        )

    return path


def wrk(
    url: str,
    bodies: Path,
    connections: int,
    seconds: float,
    timeout_s: float = 10.0,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Load `url` with POST requests; raises BenchmarkFailed where wrk is missing or cannot run."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkFailed("wrk is missing: `make system` installs it (as root)")

    command = [
        program,
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        f"--timeout={timeout_s:g}s",
        "-s",
        str(SCRIPT),
    ]
    command += [
        part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")
    ]
    done = subprocess.run(
        [*command, url, "--", str(bodies)], capture_output=True, text=True, check=False, timeout=600
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise BenchmarkFailed(f"wrk failed on {url}: {done.stderr.strip() or done.stdout.strip()}")

    report = msgspec.json.decode(lines[-1], type=_Report)
    failed = report.not_ok + report.connect + report.broken + report.late
    return Load(
        report.requests,
        failed,
        (report.requests - report.not_ok) / report.seconds,
        report.p50_ms,
        report.p99_ms,
    )
