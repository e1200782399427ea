"""From rows to an answer: draws the version, queues the rows in its lane, falls back, counts.

A failure belongs to the version that was drawn; the fallback that saves the caller is not a new request.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from rollout.settings import Router as Settings
from router.batcher import Lane
from router.counts import Counts, Key
from router.mirror import Mirror
from router.pending import Lost, Pending, Predicted
from router.problems import Problem
from router.table import Table
from router.upstream import Pool

STATUS_OF_LOSS = {"deadline": 504, "timeout": 504, "garbled": 502, "refused": 400}


@dataclass(frozen=True, slots=True)
class Reply:
    """An outcome. version: who answered; fallen_from: who was drawn and failed."""

    version: str
    predicted: Predicted | None
    lost: Lost | None = None
    fallen_from: str | None = None


Told = Callable[[Reply], None]


@dataclass(slots=True)
class Ask(Pending):
    """One caller's rows on their way. version: who is asked; pinned: the caller chose it; fallen_from: who failed."""

    traffic: "Traffic"
    version: str
    pinned: bool
    role: str
    started: float
    tell: Told
    fallen_from: str | None = None

    def done(self, outcome: Predicted | Lost) -> None:
        """See Pending."""
        self.traffic.done(self, outcome)


@dataclass
class Traffic:
    """All lanes of one worker, and what it counted. Belongs to one event loop."""

    settings: Settings
    secret: str
    loop: asyncio.AbstractEventLoop
    table: Table
    counts: Counts = field(default_factory=Counts)
    lanes: dict[str, Lane] = field(default_factory=dict)
    leaving: list[tuple[str, Pool]] = field(default_factory=list)
    drawn: dict[str, int] = field(default_factory=dict)
    split_id: str = ""
    mirror: Mirror = field(init=False)

    def __post_init__(self) -> None:
        """Open the lanes of the first table."""
        self.mirror = Mirror(self.settings, self.counts, self.loop)
        self.follow(self.table)

    def follow(self, table: Table) -> None:
        """Take over a newer table: lanes are opened, moved and closed; nothing under way is lost."""
        for version, address in table.addresses.items():
            lane = self.lanes.get(version)
            if lane is None:
                self.lanes[version] = self._lane(version, address)
            elif lane.pool.address != address:
                self.leaving.append((version, lane.pool))
                lane.move(Pool(address, self.secret, self.loop))
        gone = [version for version in self.lanes if version not in table.addresses]
        self.table = table
        if table.split_id != self.split_id:
            self.split_id, self.drawn = table.split_id, {}
        for version in gone:
            lane = self.lanes.pop(version)
            self.leaving.append((version, lane.pool))
            lane.close()
        self.mirror.follow(table, self.lanes)

    def predict(self, rows: list[msgspec.Raw], unit: bytes, pin: str | None, timeout_s: float, tell: Told) -> None:
        """Ask the version that the split draws for `unit` (or `pin`); `tell` is called once, with a Reply.

        Raises Problem where there is no version to ask.
        """
        version, role = self.draw(unit, pin)
        deadline = self.loop.time() + timeout_s
        self._submit(Ask(rows, deadline, self, version, pin is not None, role, time.perf_counter(), tell))

    def draw(self, unit: bytes, pin: str | None) -> tuple[str, str]:
        """The version and its role; raises Problem where there is none."""
        table = self.table
        if pin is not None:
            return self._pinned(pin), "pinned"
        if table.split is None:
            raise Problem(503, "no version is released yet: `python deploy.py promote VERSION`", retry_after_s=5)
        version = table.split.choose(unit)
        self.drawn[version] = self.drawn.get(version, 0) + 1
        return version, table.roles.get(version, "serving")

    def expire(self) -> None:
        """Tell callers whose deadline passed in a queue."""
        now = self.loop.time()
        for lane in list(self.lanes.values()):
            lane.expire(now)

    def gauges(self) -> dict[Key, float]:
        """What is under way and waiting now, by version and by address, those being left included."""
        self.leaving = [(version, pool) for version, pool in self.leaving if pool.in_flight]
        found: dict[Key, float] = {}
        for version, lane in self.lanes.items():
            found["in_flight", version] = lane.rows_in_flight
            found["queue_rows", version] = lane.queued_rows
        for version, count in self.drawn.items():
            found["drawn", self.split_id, version] = count
        pools = [(version, lane.pool) for version, lane in self.lanes.items()] + self.leaving
        for version, pool in pools:
            found["address", version, pool.address] = pool.in_flight
        return found

    def _pinned(self, pin: str) -> str:
        if not self.settings.pinning:
            raise Problem(403, "X-Model-Version is not allowed here: `router.pinning` in deploy.toml")
        if pin not in self.table.addresses:
            there = ", ".join(self.table.addresses) or "none"
            raise Problem(404, f"version {pin!r} is not deployed (deployed: {there})")
        return pin

    def _lane(self, version: str, address: str) -> Lane:
        return Lane(version, Pool(address, self.secret, self.loop), self.settings.limits, self.counts, self.loop)

    def _submit(self, ask: Ask) -> None:
        lane = self.lanes.get(ask.version)
        if lane is None:
            self.done(ask, Lost("closed", f"{ask.version} is not deployed"))
            return
        refused = lane.submit(ask)
        if refused is not None:
            self.done(ask, refused)

    def done(self, ask: Ask, outcome: Predicted | Lost) -> None:
        """Tell the caller what came of it, or ask who answers in place of a version that failed."""
        lost = outcome if isinstance(outcome, Lost) else _model_failure(outcome)
        if ask.fallen_from is None:
            seconds = time.perf_counter() - ask.started
            self.counts.request(ask.version, ask.role, status_of(outcome, lost), seconds)
            if lost is not None and self._fall_back(ask, lost):
                return
        predicted = outcome if isinstance(outcome, Predicted) else None
        ask.tell(Reply(ask.version, predicted, None if predicted else lost, ask.fallen_from))

    def _fall_back(self, ask: Ask, lost: Lost) -> bool:
        other = self.table.fallback_for(ask.version)
        if not self.settings.fallback or ask.pinned or other is None or lost.reason in ("deadline", "refused"):
            return False
        if lost.reason == "model" and ask.version == self.table.released:
            return False
        if self.loop.time() >= ask.deadline:
            return False
        self.counts.add(("fallback", ask.version, lost.reason))
        ask.fallen_from, ask.version = ask.version, other
        ask.retried = ask.alone = False
        self._submit(ask)
        return True


def status_of(outcome: Predicted | Lost, lost: Lost | None) -> int:
    """The HTTP status of an outcome: 200, 422 for a row at fault, 500 for the model, 502 to 504 for no answer."""
    if isinstance(outcome, Lost):
        return STATUS_OF_LOSS.get(outcome.reason, 503)
    if lost is not None:
        return 500
    return 422 if outcome.errors else 200


def _model_failure(outcome: Predicted) -> Lost | None:
    for error in outcome.errors:
        if error.status >= 500:
            return Lost("model", error.detail)
    return None
