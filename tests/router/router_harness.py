"""Real processes for the router's tests: toy versions on unix sockets, and the router on a port."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import httpx

from rollout.state.ledger import Ledger, Version
from rollout.state.split import all_to
from rollout.state.version_state import State
from store.engine import engine
from store.ledger import LedgerStore
from tests.fork_server import Forked
from tests.loopback import NO_TLS
from tests.router.forked_gunicorn import GUNICORN
from tests.until import until

ROOT = Path(__file__).parents[2]
SECRET = "toy-secret-of-sixteen"
TOKEN_KEY = "toy-token-key-of-sixteen"
OPERATOR = {"Authorization": "Bearer toy-operator-token-of-sixteen"}


def tensor(*values: object, name: str = "x", datatype: str = "FP64") -> dict:
    """One input of the Open Inference Protocol."""
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": list(values)}


class RouterHarness:
    """Toy versions, a ledger and a router. It stops every process that it started."""

    def __init__(
        self, folder: Path, settings: str = "", workers: int = 1, database_url: str | None = None
    ) -> None:
        self.folder, self.workers = folder, workers
        self.database_url = database_url or f"sqlite:///{folder}/ledger.db"
        self.processes: dict[str, Forked] = {}
        (folder / "deploy.toml").write_text('model = "toy"\n' + settings)
        self.engine = engine(self.database_url)
        self.store = LedgerStore(self.engine, "toy")
        self.store.create()
        self.ledger = Ledger(model="toy")
        self.url = ""

    def version(
        self,
        name: str,
        classes: str = "null",
        socket: str | None = None,
        columns: str = '{"x": "FP64"}',
    ) -> Version:
        """Start a toy version and return its ledger entry (deployed). columns: its metadata's."""
        path = self.folder / f"{socket or name}.sock"
        env = {**os.environ, "TOY_VERSION": name, "TOY_CLASSES": classes, "TOY_COLUMNS": columns}
        command = [
            "--bind",
            f"unix:{path}",
            "--worker-class",
            "gthread",
            "--threads",
            "4",
            "--keep-alive",
            "60",
        ]
        module = "tests.router.toy_version:app"
        self._start(socket or name, [*command, "--no-control-socket", module], env)
        until(path.exists, f"socket of {name}")
        return Version(name, State.DEPLOYED, f"unix:{path}", socket or name, "d", "onnx", 0.0)

    def record(self, ledger: Ledger, act: str = "test") -> int:
        """Append a ledger as the next revision."""
        self.ledger = replace(ledger, revision=self.ledger.revision + 1)
        self.store.append(
            self.ledger.revision, self.ledger.to_body(), act, "test", "", datetime.now(UTC)
        )
        return self.ledger.revision

    def split(
        self, weights: dict[str, int], shadows: dict[str, int] | None = None, released: str = "v1"
    ) -> int:
        """Give the versions these basis points; those with some serve, `released` is released."""
        versions = {
            name: self._as(name, weights, shadows or {}, released) for name in self.ledger.versions
        }
        split = all_to(next(iter(weights)), "salt").reweighted(weights).shadowed(shadows or {})
        return self.record(
            replace(
                self.ledger, versions=MappingProxyType(versions), split=split, released=released
            )
        )

    def know(self, *versions: Version) -> None:
        """Add versions to the ledger to be recorded next."""
        for version in versions:
            self.ledger = self.ledger.with_version(version)

    def router(self) -> str:
        """Start the router; returns its URL."""
        env = {
            **os.environ,
            "SLUICE_CONFIG": str(self.folder / "deploy.toml"),
            "SLUICE_STATE": str(self.folder),
            "DATABASE_URL": self.database_url,
            "SLUICE_SERVICE_SECRET": SECRET,
            "SLUICE_TOKEN_KEY": TOKEN_KEY,
            "SLUICE_OPERATOR_TOKEN": OPERATOR["Authorization"].removeprefix("Bearer "),
            "PORT": "0",
            "WEB_CONCURRENCY": str(self.workers),
        }
        self._start(
            "router",
            ["--config", "router/gunicorn.conf.py", "router.app:create_app()"],
            env,
        )
        found = until(
            lambda: re.search(r"Listening at: (http://\S+)", self.log("router")),
            "the router listens",
        )
        self.url = found[1]
        until(self.live, "the router is live")
        return self.url

    def live(self) -> bool:
        """Whether the router answers."""
        try:
            return (
                httpx.get(f"{self.url}/v2/health/live", timeout=120, verify=NO_TLS).status_code
                == 200
            )
        except httpx.TransportError:
            return False

    def status(self) -> dict:
        """The router's status."""
        return httpx.get(f"{self.url}/status", headers=OPERATOR, timeout=120, verify=NO_TLS).json()

    def follows(self, revision: int) -> None:
        """Wait until every worker follows that revision."""
        until(
            lambda: (
                len(self.status()["workers"]) >= self.workers
                and self.status()["revision"] >= revision
            ),
            "revision",
        )

    def predict(self, *rows: dict, **headers: str) -> httpx.Response:
        """One /predict call."""
        return httpx.post(
            f"{self.url}/predict", json={"instances": list(rows)}, headers=headers, timeout=120
        )

    def log(self, name: str) -> str:
        """What a process printed so far."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """Signal a process group that this harness started."""
        os.killpg(self.processes[name].pid, how)
        if how != signal.SIGHUP:
            self.processes.pop(name).wait(300)

    def stop(self) -> None:
        """End everything, the router first."""
        for name in sorted(self.processes, key=lambda name: name != "router"):
            process = self.processes[name]
            process.terminate()

        for process in self.processes.values():
            try:
                process.wait(300)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(300)

        self.engine.dispose()

    def _as(
        self, name: str, weights: dict[str, int], shadows: dict[str, int], released: str
    ) -> Version:
        state = (
            State.SERVING
            if weights.get(name)
            else State.SHADOWING
            if name in shadows
            else State.DEPLOYED
        )
        return replace(
            self.ledger.versions[name], state=State.RELEASED if name == released else state
        )

    def _start(self, name: str, words: list[str], env: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = GUNICORN.start(
                words, env, log.fileno(), log.fileno(), session=True
            )


@contextmanager
def router_harness(folder: Path, **options):
    """A harness that is stopped afterwards."""
    made = RouterHarness(folder, **options)
    try:
        yield made
    finally:
        made.stop()
