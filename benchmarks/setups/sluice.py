"""Sluice itself, brought up by its own verbs in a state folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.processes import (
    ROOT,
    STATE,
    BenchmarkFailed,
    Processes,
    free_port,
    resident_mb,
    tree,
)
from benchmarks.setups.bundles import bundle
from benchmarks.setups.pairs import FLIGHTS, Pair
from benchmarks.setups.setup import Running, Setup
from targets.procfile import command


@dataclass(frozen=True)
class Stack:
    """A Sluice of its own: its state folder and its deploy.toml."""

    state: Path
    config: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment that makes deploy.py act here."""
        own = {
            "SLUICE_STATE": str(self.state),
            "SLUICE_CONFIG": str(self.config),
            "SLUICE_ACTOR": "bench",
        }
        return {**os.environ, **own}

    def run(self, *words: str) -> str:
        """One verb; raises BenchmarkFailed with what it said."""
        env = {
            **os.environ,
            "SLUICE_STATE": str(self.state),
            "SLUICE_CONFIG": str(self.config),
            "SLUICE_ACTOR": "bench",
        }
        command = [sys.executable, "deploy.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=180
        )
        if done.returncode:
            raise BenchmarkFailed(f"deploy.py {' '.join(words)}: {done.stderr or done.stdout}")

        return done.stdout

    @property
    def url(self) -> str:
        """The router's URL."""
        return (self.state / "run" / "router.url").read_text().strip()

    def pid(self, program: str) -> int:
        """The process id of a program's master."""
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisorctl",
            "-c",
            str(self.state / "supervisord.conf"),
        ]
        done = subprocess.run(
            [*command, "pid", program], capture_output=True, text=True, check=True, timeout=20
        )
        return int(done.stdout)

    def pid_of_version(self, version: str) -> int:
        """The same of a version's service."""
        versions = json.loads(self.run("status", "--json"))["versions"]
        return self.pid(next(row["program"] for row in versions if row["name"] == version))

    def memory_mb(self) -> float:
        """Of the router and every version, with their supervisor."""
        return resident_mb(tree(int((self.state / "run" / "supervisord.pid").read_text())))


@contextmanager
def stack(name: str, settings: str = "", pair: Pair = FLIGHTS) -> Iterator[Stack]:
    """A Sluice brought up with the first version released and the second deployed, and taken down
    again; `settings` is its deploy.toml.
    """
    state = STATE / name
    state.mkdir(parents=True, exist_ok=True)
    for path in state.glob("ledger*.db*"):
        path.unlink()

    config = state / "deploy.toml"
    config.write_text(f'model = "flights"\n{settings}')
    made = Stack(state, config)
    for version in pair.versions:
        bundle(version, pair.recipes.get(version, ""))

    made.run("down")
    try:
        made.run("up", "--port", "0")
        for version in pair.versions:
            made.run("deploy", version)
        made.run("promote", pair.versions[0])
        yield made
    finally:
        made.run("down")


def setup(runtime: str, pair: Pair = FLIGHTS) -> Setup:
    """Sluice with the versions on their certified runtime (`certified`), which of the example's own
    is ONNX, or on scikit-learn (`sklearn`), 90/10.
    """
    words = {"certified": "certified" if pair.name else "onnx", "sklearn": "sklearn"}
    name = pair.named(f"sluice {words[runtime]}")
    about = (
        f"Sluice as deploy.toml has it: router -> 2 x service on {words[runtime]}, `ab "
        f"{pair.versions[1]} --percent 10`"
    )
    return Setup(name, about, partial(_start, name.replace(" ", "-"), runtime, pair))


def direct() -> Setup:
    """One service alone, v1 on its certified runtime, called as the router calls it but for the
    batches.
    """
    return Setup(
        "sluice service direct",
        "the service of v1 (Procfile) on a port of its own, no router",
        _start_direct,
    )


@contextmanager
def _start_direct() -> Iterator[Running]:
    secret = "a-secret-of-the-benchmark"
    with Processes(STATE / "direct" / "log") as processes:
        port = free_port()
        keys = {
            "SLUICE_BUNDLE": str(bundle("v1")),
            "SLUICE_PUBLIC_KEY": str(ROOT / "keys" / "sluice.pub"),
        }
        own = {**keys, "SLUICE_BIND": f"127.0.0.1:{port}", "SLUICE_SERVICE_SECRET": secret}
        pid = processes.start(command(ROOT / "Procfile", "service"), own)
        processes.wait_for(f"http://127.0.0.1:{port}/v2/health/live")
        url = f"http://127.0.0.1:{port}/predict"
        headers = {"Authorization": f"Bearer {secret}"}
        yield Running(url, FLIGHTS.bodies(), lambda: resident_mb(tree(pid)), headers)


@contextmanager
def _start(name: str, runtime: str, pair: Pair) -> Iterator[Running]:
    with stack(name, f'[deployment]\nruntime = "{runtime}"\n', pair) as made:
        made.run("ab", pair.versions[1], "--percent", "10")
        yield Running(f"{made.url}/predict", pair.bodies(), made.memory_mb, pair=pair)
