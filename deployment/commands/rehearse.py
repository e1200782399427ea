"""`rehearse`: the whole plan of deploy.toml on a Heroku that runs on this machine, with users'
traffic, and a report.

Every step is a command that its user would type, run as its own process against the emulator, which
holds each call against Heroku's published schema where it has one. No account is needed and nothing
is bought."""

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
    """What the rehearsal came to.

    apps: what would be created; costs in dollars, always on. Calls to the platform: `validated` fit
    Heroku's published schema, `unvalidated` had none to be held against, `unfit` do not fit it."""

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
        """Whether every command did what it should, no user lost a request, and every call fits."""
        return all(step.code == 0 for step in self.steps) and not self.failed and not self.unfit

    def body(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Stage:
    """The emulator's address, and the environment in which deploy.py meets it."""

    front: str
    environ: dict[str, str]


@dataclass
class Users:
    """Clients of the router's public name, one after the other request, until they are stopped."""

    front: str
    host: str
    bodies: list[bytes]
    requests: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Users":
        self._threads = [
            threading.Thread(target=self._one, args=(number,)) for number in range(USERS)
        ]
        for thread in self._threads:
            thread.start()

        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _one(self, number: int) -> None:
        host, _, port = self.front.rpartition(":")
        line = http.client.HTTPConnection(host, int(port), timeout=20)
        headers = {"Host": self.host, "Content-Type": "application/json"}
        while not self._over.is_set():
            number += 1
            problem = self._ask(line, self.bodies[number % len(self.bodies)], headers)
            with self._lock:
                self.requests += 1
                if problem:
                    self.failed += 1
                    self.problems = [*self.problems, problem][:5]
            self._over.wait(PAUSE_S)

        line.close()

    def _ask(
        self, line: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
    ) -> str:
        try:
            line.request("POST", "/predict", body, dict(headers))
            answer = line.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            line.close()
            return f"{type(error).__name__}: {error}"

        if answer.status == 200:
            return ""
        return f"{answer.status} {said[:200].decode(errors='replace')}"


def rehearse(workspace: Workspace, say: Say, versions: Sequence[str] = ()) -> Report:
    """From nothing to released and back, and down again; raises EdgeFailure where nothing is
    delivered.

    versions: the one that is released first and the one that takes over; the two delivered first by
    default."""
    if len(versions) not in (0, 2):
        raise BadOption(
            f"a rehearsal is of two versions, not of {len(versions)}: name the first and the one "
            f"after"
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
    seen = _asked(stage, "/emulator/account")
    exchanges, failures = seen["exchanges"], seen["failures"]
    return Report(
        steps,
        users.requests,
        users.failed,
        sorted(app["name"] for app in _asked(stage, "/apps")),
        cost.monthly,
        cost.daily,
        exchanges["validated"],
        exchanges["unvalidated"],
        exchanges["failed"] + exchanges["unknown"],
        [*users.problems, *(json.dumps(each)[:300] for each in failures[:5])],
    )


def _run(stage: Stage, words: Sequence[str], say: Say) -> RehearsalStep:
    """One command, its lines told as they come."""
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
    """An emulator of its own, ended with all its processes."""
    config = folder / "deploy.toml"
    config.write_text(on_heroku(workspace.config.read_text()))
    log = folder / "emulator.log"
    with log.open("w") as out:
        command = [
            sys.executable,
            "-m",
            "emulator",
            "--speed",
            SPEED,
            "--state",
            str(folder / "platform"),
        ]
        process = subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )

    try:
        exports = _exports(process, log)
        front = exports["HEROKU_HOST"].partition("://")[2]
        say(f"a Heroku on this machine: {exports['HEROKU_HOST']} (its log: {log})")
        own = {
            "SLUICE_STATE": str(folder),
            "SLUICE_CONFIG": str(config),
            "SLUICE_RELEASES": str(workspace.releases),
        }
        own |= {
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
    """A deploy.toml whose target is Heroku, whatever it was."""
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
    """What the emulator says is to be exported; raises EdgeFailure where it does not come up."""
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up and process.poll() is None:
        found = dict(re.findall(r"(?m)^export (\w+)=(\S+)$", log.read_text()))
        if {"HEROKU_HOST", "HEROKU_API_KEY"} <= found.keys():
            return found
        time.sleep(0.05)

    raise EdgeFailure(f"the emulator did not come up: read {log}")


def _oldest(workspace: Workspace) -> tuple[str, ...]:
    """The two versions that were delivered first."""
    names = delivered(workspace.releases)
    made = {
        name: str(read_release(workspace.releases, name).manifest.get("created_at", ""))
        for name in names
    }
    return tuple(sorted(names, key=lambda name: (made[name], name))[:2])


def _bodies(workspace: Workspace, version: str) -> list[bytes]:
    """Requests of one row, those that the version was proved with."""
    rows = golden_rows(read_release(workspace.releases, version)).rows
    return [json.dumps({"instances": [row]}).encode() for row in rows]


def _name(url: str) -> str:
    return url.strip().partition("://")[2].rstrip("/")


def _asked(stage: Stage, path: str) -> Any:
    """What the emulator answers."""
    host, _, port = stage.front.rpartition(":")
    headers = {
        "Accept": "application/vnd.heroku+json; version=3",
        "Authorization": f"Bearer {stage.environ['HEROKU_API_KEY']}",
    }
    line = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        line.request("GET", path, headers=headers)
        return json.loads(line.getresponse().read())
    finally:
        line.close()
