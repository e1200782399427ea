"""How long a rollback takes, from Enter to the last router worker: `python -m
benchmarks.rollback_time [--rounds 15]`.

On a local stack that is up and idle, with a released version and one released before it. The
yardstick is what Python itself takes to start on this host, asked in turn with the rollbacks, so
that the figure says something on any host. The last line is one JSON object."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import BenchmarkFailed
from deployment.http_client import Connection, line
from deployment.router_client import url_of_router
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import read_settings, workspace_from_environment
from store.direct import direct
from store.ledger import LedgerStore

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 15
DEADLINE_S = 10.0
LOOK_S = 0.001


@dataclass(frozen=True)
class RollbackTimes:
    """Medians, milliseconds. over_python: rollback divided by python."""

    python_ms: float
    rollback_ms: float
    over_python: float
    rounds: int


def rollback_over_python(environ: Mapping[str, str], rounds: int = ROUNDS) -> float:
    """How many times longer `deploy.py rollback` takes than `python -c pass`, on the stack of that
    environment.

    Each round releases the version anew that the rollback takes the traffic from. A rollback has
    ended when its process has and every router worker follows its revision. The stack is left as it
    was found, but for the history."""
    return rollback_times(environ, rounds).over_python


def rollback_times(environ: Mapping[str, str], rounds: int = ROUNDS) -> RollbackTimes:
    """Medians of so many rounds; raises BenchmarkFailed where a command fails or a worker does not
    follow.
    """
    environment = {**os.environ, **environ}
    workspace = workspace_from_environment(environment)
    candidate = _taken_from(environment)
    python, rollback = [], []
    with line(url_of_router(workspace), read_secrets(workspace).operator, DEADLINE_S) as router:
        for _ in range(rounds):
            began = time.perf_counter()
            _run([sys.executable, "-c", "pass"], environment)
            python.append(time.perf_counter() - began)

            _run([sys.executable, "deploy.py", "promote", candidate], environment)
            _wait_followed(router, _newest(environment))
            began = time.perf_counter()
            _run([sys.executable, "deploy.py", "rollback"], environment)
            _wait_followed(router, _newest(environment))
            rollback.append(time.perf_counter() - began)

    return _medians(python, rollback)


def _taken_from(environment: dict[str, str]) -> str:
    """The version that is released anew before each rollback: the one that runs and is not
    released.
    """
    status = json.loads(_run([sys.executable, "deploy.py", "status", "--json"], environment))
    idle = [
        version["name"]
        for version in status["versions"]
        if version["name"] != status["released"] and version["process"]
    ]
    if status["rollout"] or status["released"] is None or not idle:
        raise BenchmarkFailed(
            "this needs a stack with a released version, another one that runs, and no rollout"
        )

    return str(idle[0])


def _newest(environment: dict[str, str]) -> int:
    workspace = workspace_from_environment(environment)
    database = direct(workspace.database_url)
    if database is None:
        raise BenchmarkFailed(
            "this needs a ledger whose address says user, password, host and name plainly"
        )

    try:
        return LedgerStore(database, read_settings(workspace.config).model).revision()
    finally:
        database.close()


def _wait_followed(router: Connection, revision: int) -> None:
    """Until every router worker is at that revision."""
    give_up = time.monotonic() + DEADLINE_S
    while any(worker["revision"] < revision for worker in router.get("/status").json()["workers"]):
        if time.monotonic() > give_up:
            raise BenchmarkFailed(
                f"a router worker did not follow revision {revision} within {DEADLINE_S:g} s"
            )
        time.sleep(LOOK_S)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(
            f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr.strip()}"
        )

    return done.stdout


def _medians(python: list[float], rollback: list[float]) -> RollbackTimes:
    usual, whole = median(python), median(rollback)
    return RollbackTimes(
        round(1000 * usual, 1), round(1000 * whole, 1), round(whole / usual, 2), len(rollback)
    )


def main() -> None:
    """Measure the stack of SLUICE_STATE, or that of the project."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    times = rollback_times(os.environ, parser.parse_args().rounds)
    print(
        f"python -c pass {times.python_ms} ms, rollback {times.rollback_ms} ms: "
        f"{times.over_python} times as long"
    )
    print(json.dumps(asdict(times)))


if __name__ == "__main__":
    main()
