"""One Sluice on which rollouts are tried, one after another, each to its outcome."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from benchmarks.background_load import BackgroundLoad
from benchmarks.processes import until
from benchmarks.setups.bundles import bundle
from benchmarks.setups.sluice import Stack
from examples.flights.feedback import send_feedback
from examples.flights.replay import production, replay
from examples.flights.tally import Replay
from store import LedgerStore
from store.engine import engine

RELEASED, BACK, HELD = "released", "rolled back", "held"
LABELS_AFTER_S = 2.0
DEADLINE_S = 150.0
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
class Traffic(BackgroundLoad):
    """The flights of July to December in time order, over and over, at a rate; their truth as
    labels where wanted.
    """

    url: str
    rate: float
    connections: int = 16
    labels: bool = False
    replay: Replay = field(default_factory=Replay)

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
            outcome, because = self.outcome(act[1])
            seconds, requests = time.monotonic() - began, traffic.replay.sent - before

        run = Run(
            name, expected, outcome, requests, round(seconds, 1), traffic.replay.failed, because
        )
        for problem in traffic.replay.problems[:3]:
            print(f"failed during {name}: {problem}", file=sys.stderr)

        return self.note(run)

    def note(self, run: Run) -> Run:
        """Print a run and keep it."""
        said = f"{run.name}: {run.outcome} after {run.requests} requests, {run.because}"
        self.console.print(said, highlight=False)
        self.runs.append(run)
        return run

    def outcome(self, candidate: str, patience_s: float = DEADLINE_S) -> tuple[str, str]:
        """What the conductor did in the end, in the ledger's words."""
        database = engine(f"sqlite:///{self.stack.state / 'ledger.db'}")
        store = LedgerStore(database, "flights")
        end = time.monotonic() + patience_s
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

        return "undecided", f"{candidate} was not decided within {patience_s:g} s"

    def back_to_v1(self) -> None:
        """v1 alone again, whatever the last run left."""
        with_rollout = (
            "abort" if self.runs and self.runs[-1].outcome in (HELD, "undecided") else "rollback"
        )
        if self.runs and self.runs[-1].outcome != BACK:
            self.stack.run(with_rollout)
