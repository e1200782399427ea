"""Rollouts that run by themselves, on real processes: `python -m benchmarks.conduct [--json]
[--pairs 20]`.

Under a steady load of real flights a candidate of v1 is given to `canary --auto`, and what the
conductor does is compared with what is known to be right: v2 is released, v3 (which fails on
airports it never saw) is rolled back, a copy of v1 is never rolled back however often it is tried,
a version that computes 30 % longer is rolled back, one whose predictions shift is held, one whose
late labels are worse is rolled back, as a canary and as a shadow that no user meets. The last line
is one JSON object: for each run its expected and its real outcome, the requests and seconds until
then, and the requests that users lost."""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.processes import BenchmarkFailed, until
from benchmarks.results import leave
from benchmarks.setups.bundles import bundle
from benchmarks.setups.sluice import Stack, stack
from examples.flights.feedback import send_feedback
from examples.flights.replay import production, replay
from examples.flights.tally import Replay
from store import LedgerStore
from store.engine import engine

RELEASED, BACK, HELD = "released", "rolled back", "held"
LABELS_AFTER_S = 2.0
DEADLINE_S = 150.0
CERTIFIED = "[router]\nworkers = 1\n[verdict.prediction]\ntolerance = 0.35\n"
ON_SKLEARN = '[deployment]\nruntime = "sklearn"\n[verdict.prediction]\ntolerance = 0.35\n'
WATCHED = CERTIFIED + 'action = "watch"\n[verdict.agreement]\naction = "watch"\n'
CANARY_HOLD = ("--every", "3s")


@dataclass(frozen=True)
class Run:
    """What came of one rollout. failed: requests that users lost; because: the ledger's words."""

    name: str
    expected: str
    outcome: str
    requests: int
    seconds: float
    failed: int
    because: str


@dataclass
class Traffic:
    """The flights of July to December in time order, over and over, at a rate; their truth as
    labels where wanted.
    """

    url: str
    rate: float
    connections: int = 16
    labels: bool = False
    replay: Replay = field(default_factory=Replay)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Traffic":
        self._thread = threading.Thread(target=lambda: uvloop.run(self._all()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    async def _all(self) -> None:
        stop = asyncio.Event()
        sending = replay(
            self.url,
            production(),
            connections=self.connections,
            rate=self.rate,
            again=True,
            stop=stop,
            progress=self._note,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(sending)
            if self.labels:
                group.create_task(self._label(stop))
            while not self._over.is_set():
                await asyncio.sleep(0.05)
            stop.set()

    def _note(self, replay: Replay) -> None:
        self.replay = replay

    async def _label(self, stop: asyncio.Event) -> None:
        """The truth of each prediction some seconds later."""
        sent = 0
        while not stop.is_set():
            until_now = len(self.replay.pending)
            await asyncio.sleep(LABELS_AFTER_S)
            await send_feedback(self.url, self.replay.pending[sent:until_now])
            sent = until_now


@dataclass
class Stage:
    """One Sluice, and the rollouts tried on it."""

    stack: Stack
    console: Console
    rate: float
    runs: list[Run] = field(default_factory=list)

    def settings(self, text: str) -> None:
        """deploy.toml for the next rollout; the running router keeps its own."""
        self.stack.config.write_text(f'model = "flights"\n{text}')

    def deploy(self, *versions: str) -> None:
        """Deliver and deploy candidates."""
        for version in versions:
            bundle(version, f"benchmarks/candidates/{version}.py")
            self.stack.run("deploy", version)

    def canary(
        self, name: str, candidate: str, expected: str, steps: str, labels: bool = False
    ) -> Run:
        """One canary to its outcome."""
        return self.try_out(
            name, expected, ("canary", candidate, "--steps", steps, *CANARY_HOLD), labels
        )

    def try_out(self, name: str, expected: str, act: Sequence[str], labels: bool = False) -> Run:
        """One rollout of act[1] to its outcome."""
        with Traffic(self.stack.url, self.rate, labels=labels) as traffic:
            until(lambda: traffic.replay.sent > self.rate, "traffic flows", 30)
            before, began = traffic.replay.sent, time.monotonic()
            self.stack.run(*act, "--auto", "-m", name)
            outcome, because = self._outcome(act[1])
            seconds, requests = time.monotonic() - began, traffic.replay.sent - before

        run = Run(
            name, expected, outcome, requests, round(seconds, 1), traffic.replay.failed, because
        )
        for problem in traffic.replay.problems[:3]:
            print(f"failed during {name}: {problem}", file=sys.stderr)

        self.console.print(
            f"{name}: {outcome} after {requests} requests, {because}", highlight=False
        )
        self.runs.append(run)
        return run

    def _outcome(self, candidate: str) -> tuple[str, str]:
        """What the conductor did in the end, in the ledger's words."""
        database = engine(f"sqlite:///{self.stack.state / 'ledger.db'}")
        store = LedgerStore(database, "flights")
        end = time.monotonic() + DEADLINE_S
        try:
            while time.monotonic() < end:
                entry = store.newest()
                if entry is not None and entry.actor == "conductor":
                    if entry.action == "promote":
                        return RELEASED, entry.reason
                    if entry.action in ("rollback", "hold"):
                        return BACK if entry.action == "rollback" else HELD, entry.reason
                time.sleep(0.05)
        finally:
            database.dispose()

        return "undecided", f"{candidate} was not decided within {DEADLINE_S:g} s"

    def back_to_v1(self) -> None:
        """v1 alone again, whatever the last run left."""
        with_rollout = (
            "abort" if self.runs and self.runs[-1].outcome in (HELD, "undecided") else "rollback"
        )
        if self.runs and self.runs[-1].outcome != BACK:
            self.stack.run(with_rollout)


def main() -> int:
    """Try all; returns 1 where an outcome is not the expected one or a request was lost."""
    options = _options()
    console = Console(stderr=options.json, width=160)
    with _stage("conduct", CERTIFIED, console, 1_500) as stage:
        _certified(stage, options.pairs - options.pairs // 4)
        runs = stage.runs

    with _stage("conduct-sklearn", ON_SKLEARN, console, 150) as stage:
        stage.deploy("heavy", "twin")
        stage.canary("30 % slower", "heavy", BACK, "5,25,50")
        _same_model(stage, options.pairs // 4, "5,25,50", " on scikit-learn")
        runs = [*runs, *stage.runs]

    console.print(_table(runs))
    leave("conduct", {"runs": [asdict(run) for run in runs]})
    return 0 if all(run.outcome == run.expected and run.failed == 0 for run in runs) else 1


def _certified(stage: Stage, pairs: int) -> None:
    stage.deploy("twin", "shifted")
    bundle("v3")
    stage.stack.run("deploy", "v3")
    stage.canary("v2", "v2", RELEASED, "1,5,25,50")
    stage.back_to_v1()
    stage.canary("v3 fails on some airports", "v3", BACK, "1,5,25,50")
    stage.canary("predictions shift", "shifted", HELD, "5,25,50")
    stage.back_to_v1()
    stage.settings(WATCHED)
    stage.canary("late labels are worse", "shifted", BACK, "5,25,50", labels=True)
    stage.try_out("late labels of a shadow are worse", BACK, ("shadow", "shifted"), labels=True)
    stage.settings(CERTIFIED)
    _same_model(stage, pairs, "5,50")


def _same_model(stage: Stage, pairs: int, steps: str, on: str = "") -> None:
    """A copy of v1 against v1, then v1 against the copy that is released, and so on."""
    candidates = ("twin", "v1")
    for number in range(pairs):
        run = stage.canary(
            f"the same model {number + 1}{on}", candidates[number % 2], RELEASED, steps
        )
        if run.outcome != RELEASED:
            raise BenchmarkFailed(f"{run.name}: {run.outcome}, {run.because}")


@contextmanager
def _stage(name: str, settings: str, console: Console, rate: float) -> Iterator[Stage]:
    with stack(name, settings) as made:
        yield Stage(made, console, rate)


def _table(runs: Sequence[Run]) -> Table:
    table = Table()
    for column in ("run", "expected", "outcome", "requests", "seconds", "failed"):
        table.add_column(
            column, justify="left" if column in ("run", "expected", "outcome") else "right"
        )

    for run in runs:
        shown: list[Any] = [
            run.name,
            run.expected,
            run.outcome,
            run.requests,
            run.seconds,
            run.failed,
        ]
        table.add_row(*map(str, shown))

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conduct", description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=20, help="how often a copy of v1 is tried (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
