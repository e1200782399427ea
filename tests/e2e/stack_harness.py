"""A whole stack in a folder of its own: bundles, keys, state, and deploy.py as its users run it."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rollout.state.ledger import Ledger, from_body
from store import LedgerStore
from store.engine import engine
from tests.e2e.forked_verbs import VERBS
from tests.loopback import NO_TLS
from tests.until import until

ROOT = Path(__file__).parents[2]
ROW = {"amount": 1200.5, "age": 41, "city": "Oslo"}


@dataclass
class VerbResult:
    """The output of a verb and its exit code."""

    code: int
    out: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line, which is JSON with --json."""
        return dict(json.loads(self.out.strip().splitlines()[-1]))


@dataclass
class StackHarness:
    """A stack's folder and the environment of its verbs."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """Everything that would lie in the project's folder lies in this one."""
        folders = {"SLUICE_STATE": "var", "SLUICE_RELEASES": "releases", "SLUICE_KEYS": "keys"}
        own = {name: str(self.folder / part) for name, part in folders.items()}
        return {**os.environ, **own, "SLUICE_ACTOR": "ann", **self.more}

    def run(self, *words: str, check: bool = True, **environ: str) -> VerbResult:
        """Run one verb to its end; with `check`, a refusal fails the test with its output."""
        ended = VERBS.run(words, {**self.environ, **environ}, errors_apart=False)
        assert not check or ended.code == 0, f"{words}: {ended.out}"
        return VerbResult(ended.code, ended.out)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start one verb as its users do."""
        command = [sys.executable, "deploy.py", *words]
        env = {**self.environ, **environ}
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=-1, stderr=subprocess.STDOUT, text=True
        )

    def deliver(self, *versions: str) -> None:
        """Deliver the recipes of these names."""
        for version in versions:
            self.run("deliver", version, "--from", f"tests/e2e/recipes/{version}.py")

    def up(self, *versions: str) -> str:
        """Bring the stack up, deploy these versions and release the first; returns the router's
        URL.
        """
        self.run("up", "--port", "0")
        for version in versions:
            self.run("deploy", version)
        self.run("promote", versions[0])
        return self.url

    @property
    def ledger(self) -> Ledger:
        """The newest ledger, from the database file."""
        database = engine(f"sqlite:///{self.folder}/var/ledger.db")
        try:
            newest = LedgerStore(database, "flights").newest()
        finally:
            database.dispose()

        assert newest is not None
        return from_body(newest.body, newest.revision)

    def reset(self) -> int:
        """Release v1, deploy v2 and v3, end any rollout, and wait until every router follows;
        returns the revision.
        """
        if self.ledger.rollout is not None:
            self.run("abort")

        for version in ("v1", "v2", "v3"):
            if str(self.ledger.version(version).state) == "retired":
                self.run("deploy", version)

        if self.ledger.released != "v1":
            self.run("promote", "v1")

        self.wait_until_followed()
        return self.ledger.revision

    def wait_until_followed(self) -> None:
        """Wait until every router follows the newest revision."""
        status = f"{self.url}/status"
        until(
            lambda: (
                httpx.get(status, timeout=120, verify=NO_TLS).json()["revision"]
                == self.ledger.revision
            ),
            "the routers follow",
        )

    @property
    def url(self) -> str:
        """The router's URL."""
        return (self.folder / "var" / "run" / "router.url").read_text().strip()

    def predict(self, row: dict[str, Any] = ROW, **headers: str) -> httpx.Response:
        """One prediction."""
        return httpx.post(
            f"{self.url}/predict", json={"instances": [row]}, headers=headers, timeout=120
        )

    def status(self) -> dict[str, Any]:
        """`deploy.py status --json`."""
        return self.run("status", "--json").json

    def pids(self, program: str) -> list[int]:
        """Process ids of a program, the master first, as the supervisor reports it."""
        config = self.folder / "var" / "supervisord.conf"
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisorctl",
            "-c",
            str(config),
            "pid",
            program,
        ]
        master = int(
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
        )
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]


class Users(threading.Thread):
    """Clients that predict until they are stopped, and record what failed.

    keep: each client stays on one connection.
    """

    def __init__(self, stack: StackHarness, clients: int = 8, keep: bool = True) -> None:
        super().__init__()
        self.limits = httpx.Limits(max_keepalive_connections=None if keep else 0)
        self.row: dict[str, Any] = ROW
        self.url, self.clients = stack.url, clients
        self.stopped = threading.Event()
        self.awake = threading.Event()
        self.awake.set()
        self.answers: Counter[str] = Counter()
        self.newest = ""
        self.failed: list[str] = []

    def run(self) -> None:
        with ThreadPoolExecutor(self.clients) as threads:
            for _ in range(self.clients):
                threads.submit(self._one)

    def _one(self) -> None:
        with httpx.Client(timeout=120, limits=self.limits) as client:
            while not self.stopped.is_set():
                self.awake.wait()
                try:
                    answer = client.post(f"{self.url}/predict", json={"instances": [self.row]})
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                self.newest = answer.headers.get("x-model-version", "")
                self.answers[self.newest] += 1
                if answer.status_code != 200:
                    self.failed.append(answer.text)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No new requests meanwhile, so no rollout comes to its end."""
        self.awake.clear()
        try:
            yield
        finally:
            self.awake.set()

    def more(self, count: int) -> None:
        """Wait for that many more answers."""
        goal = self.answers.total() + count
        until(lambda: self.answers.total() >= goal, f"{count} more answers", 30)

    def only(self, version: str) -> None:
        """Wait until that version alone has answered for a while."""

        def settled() -> bool:
            before = self.answers - Counter({version: self.answers[version]})
            self.more(100)
            return before == self.answers - Counter({version: self.answers[version]})

        until(settled, f"only {version} answers", 30)

    def __enter__(self) -> "Users":
        self.start()
        self.more(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join(300)
