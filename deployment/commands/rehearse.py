"""`rehearse`: runs the whole plan of deploy.toml on an emulated Heroku with users' traffic, and
reports.

Every step is a command that a user would type, run as its own process against the emulator, which
checks each call against Heroku's published schema where it has one. No account is needed and
nothing is bought."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deployment.workspace.bundles import delivered, golden_rows, read_release
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.workspace import Workspace
from targets.base import Say
from targets.registry import open_target

STEPS = "10,50"
EVERY = "3s"
READY_S = 30.0
STEP_S = 600.0
PAUSE_S = 0.01
USERS = 4
SPEED = "60"


@dataclass(frozen=True)
class RehearsalStep:
    """One command. seconds: until it ended; code: its exit code."""

    command: str
    seconds: float
    code: int


@dataclass(frozen=True)
class Report:
    """The result of a rehearsal.

    apps: that would be created; costs: dollars, if always on; calls: `validated` fit Heroku's
    published schema, `unvalidated` have no schema, `unfit` do not fit theirs."""

    steps: list[RehearsalStep]
    requests: int
    failed: int
    apps: list[str]
    monthly_cost: float
    daily_cost: float
    validated: int
    unvalidated: int
    unfit: int
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether every command succeeded, no request failed, and every call fits."""
        if self.failed or self.unfit:
            return False
        return all(step.code == 0 for step in self.steps)

    def body(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Stage:
    """The emulator's address (host:port) and the environment that points deploy.py to it."""

    front: str
    environ: dict[str, str]


@dataclass
class Users:
    """Clients of the router's public name, which send requests until they are stopped."""

    front: str
    host: str
    bodies: list[bytes]
    requests: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Users":
        self._threads: list[threading.Thread] = []
        for number in range(USERS):
            thread = threading.Thread(target=self._send_all, args=(number,))
            self._threads.append(thread)
            thread.start()

        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _send_all(self, number: int) -> None:
        host, _, port = self.front.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        headers = {"Host": self.host, "Content-Type": "application/json"}
        while not self._over.is_set():
            number += 1
            problem = self._send(connection, self.bodies[number % len(self.bodies)], headers)
            with self._lock:
                self.requests += 1
                if problem:
                    self.failed += 1
                    self.problems = [*self.problems, problem][:5]

            self._over.wait(PAUSE_S)

        connection.close()

    def _send(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
    ) -> str:
        """Send one request; returns what went wrong, empty where nothing did."""
        try:
            connection.request("POST", "/predict", body, dict(headers))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{type(error).__name__}: {error}"

        if answer.status == 200:
            return ""
        return f"{answer.status} {text[:200].decode(errors='replace')}"


def rehearse(workspace: Workspace, say: Say, versions: Sequence[str] = ()) -> Report:
    """From nothing to released, rolled back and down again.

    versions: the one that is released first and the one that takes over; by default the two that
    were delivered first. Raises BadOption, EdgeFailure where fewer than two are delivered."""
    if len(versions) not in (0, 2):
        raise BadOption(
            f"a rehearsal is of two versions, not of {len(versions)}: name the first and the one "
            "after"
        )

    chosen = tuple(versions) or _oldest(workspace)
    if len(chosen) < 2:
        raise EdgeFailure(
            "a rehearsal needs two delivered versions: `python deploy.py deliver v2 --from ...` "
            "first"
        )

    folder = workspace.state / "rehearsal"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _stage(workspace, folder, say) as stage:
        return _play(workspace, folder, stage, say, *chosen[:2])


def _play(
    workspace: Workspace, folder: Path, stage: Stage, say: Say, first: str, second: str
) -> Report:
    steps: list[RehearsalStep] = []

    def run(*words: str) -> bool:
        step = _run(stage, words, say)
        steps.append(step)
        return step.code == 0

    users = Users(stage.front, "", _bodies(workspace, first))
    before = [("up",), ("doctor",), ("deploy", first), ("promote", first)]
    under_load = [
        ("deploy", second),
        ("canary", second, "--auto", "--steps", STEPS, "--every", EVERY, "-m", "rehearsal"),
        ("watch", "--timeout", "5m"),
        ("rollback", "-m", "rehearsal"),
    ]
    if all(run(*words) for words in before):
        users.host = _name((folder / "run" / "router.url").read_text())
        with users:
            for words in under_load:
                if not run(*words):
                    break

    run("down")
    with open_target(workspace, say, "heroku") as target:
        cost = target.costs()

    assert cost is not None, "a platform tells what it costs"
    account = _get(stage, "/emulator/account")
    exchanges, failures = account["exchanges"], account["failures"]
    app_names = [app["name"] for app in _get(stage, "/apps")]
    problems = [json.dumps(failure)[:300] for failure in failures[:5]]
    return Report(
        steps,
        users.requests,
        users.failed,
        sorted(app_names),
        cost.monthly,
        cost.daily,
        exchanges["validated"],
        exchanges["unvalidated"],
        exchanges["failed"] + exchanges["unknown"],
        users.problems + problems,
    )


def _run(stage: Stage, words: Sequence[str], say: Say) -> RehearsalStep:
    """Run one command and print its lines as they come."""
    command = f"python deploy.py {' '.join(words)}"
    say(f"$ {command}")
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "deploy.py", *words],
        cwd=Path(__file__).parents[2],
        env=stage.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        guard = threading.Timer(STEP_S, process.terminate)
        guard.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                say(f"  {line.rstrip()}")
        finally:
            guard.cancel()

    return RehearsalStep(command, round(time.monotonic() - began, 1), process.returncode)


@contextmanager
def _stage(workspace: Workspace, folder: Path, say: Say) -> Iterator[Stage]:
    """An emulator for this rehearsal, which is ended with all its processes."""
    config = folder / "deploy.toml"
    config.write_text(on_heroku(workspace.config.read_text()))
    log = folder / "emulator.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "emulator", "--speed", SPEED]
        process = subprocess.Popen(
            [*command, "--state", str(folder / "platform")],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )

    try:
        exports = _exports(process, log)
        front = exports["HEROKU_HOST"].partition("://")[2]
        say(f"a Heroku on this machine: {exports['HEROKU_HOST']} (its log: {log})")
        own = {
            "SLUICE_STATE": str(folder),
            "SLUICE_CONFIG": str(config),
            "SLUICE_RELEASES": str(workspace.releases),
            "SLUICE_KEYS": str(workspace.keys),
            "SLUICE_CONNECT_THROUGH": front,
            "DATABASE_URL": "",
        }
        yield Stage(front, {**os.environ, **exports, **own})
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        if process.poll() is None:
            process.kill()
            process.wait(10)


def on_heroku(settings: str) -> str:
    """The text of deploy.toml with Heroku as its target."""
    changed, count = re.subn(r'(?m)^target\s*=\s*"[^"]*"', 'target = "heroku"', settings)
    if count:
        return changed

    changed, count = re.subn(
        r"(?m)^\[deployment\]\s*$", '[deployment]\ntarget = "heroku"', settings
    )
    if count:
        return changed
    return f'{settings}\n[deployment]\ntarget = "heroku"\n'


def _exports(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    """The variables that the emulator prints; raises EdgeFailure where it does not start."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        variables = dict(re.findall(r"(?m)^export (\w+)=(\S+)$", log.read_text()))
        if {"HEROKU_HOST", "HEROKU_API_KEY"} <= variables.keys():
            return variables

        time.sleep(0.05)

    raise EdgeFailure(f"the emulator did not come up: read {log}")


def _oldest(workspace: Workspace) -> tuple[str, ...]:
    """The two versions that were delivered first."""
    delivered_at: list[tuple[str, str]] = []
    for name in delivered(workspace.releases):
        manifest = read_release(workspace.releases, name).manifest
        delivered_at.append((str(manifest.get("created_at", "")), name))

    return tuple(name for _, name in sorted(delivered_at)[:2])


def _bodies(workspace: Workspace, version: str) -> list[bytes]:
    """Requests of one row each, from the version's golden rows."""
    rows = golden_rows(read_release(workspace.releases, version)).rows
    return [json.dumps({"instances": [row]}).encode() for row in rows]


def _name(url: str) -> str:
    """The host of a URL."""
    return url.strip().partition("://")[2].rstrip("/")


def _get(stage: Stage, path: str) -> Any:
    """The emulator's answer."""
    host, _, port = stage.front.rpartition(":")
    headers = {
        "Accept": "application/vnd.heroku+json; version=3",
        "Authorization": f"Bearer {stage.environ['HEROKU_API_KEY']}",
    }
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
