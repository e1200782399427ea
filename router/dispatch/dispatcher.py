"""From rows to an answer: draws the version, queues the rows in its lane, falls back, counts.

A failure belongs to the version that was drawn; the fallback that saves the caller is not a new
request."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from rollout.settings import RouterSettings
from router.dispatch.cross_check import CrossCheck, FailedRequest
from router.dispatch.lane import Lane
from router.dispatch.routing_table import RoutingTable
from router.dispatch.upstream import Pool
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters
from router.evidence.seen_units import SeenUnits
from router.evidence.worker_metrics import Key, WorkerMetrics
from router.problems import Problem
from router.shadow.mirror import Mirror

STATUS_OF_LOSS = {"model": 500, "deadline": 504, "timeout": 504, "garbled": 502, "refused": 400}
MOST_AT_FAULT = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """An outcome. version: who answered; fallen_from: who was drawn and failed; draw: how it came
    about.
    """

    version: str
    predicted: Predicted | None
    draw: "Draw"
    lost: DispatchError | None = None
    fallen_from: str | None = None


Told = Callable[[Reply], None]


@dataclass(frozen=True, slots=True)
class Draw:
    """Which version is asked. role: what it is; tally: where this request counts in the verdict
    (None: it does not).

    number, weight: of the rollout in force, 0 where there is none.
    """

    version: str
    role: str
    tally: EvidenceCounters | None = None
    number: int = 0
    weight: int = 0


@dataclass(slots=True)
class InFlight(Pending):
    """One caller's rows on their way.

    version: who is asked; pinned: the caller chose it; hurried: the deadline is the caller's own,
    shorter than the router's; fallen_from: who failed, and failure: how, where it is to be counted.
    """

    traffic: "Dispatcher"
    version: str
    pinned: bool
    draw: Draw
    started: float
    tell: Told
    hurried: bool = False
    fallen_from: str | None = None
    failure: FailedRequest | None = None

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.traffic.done(self, outcome)

    def late(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.traffic.late(self, outcome)


@dataclass
class Dispatcher:
    """All lanes of one worker, and what it counted. Belongs to one event loop."""

    settings: RouterSettings
    secret: str
    loop: asyncio.AbstractEventLoop
    table: RoutingTable
    counts: WorkerMetrics = field(default_factory=WorkerMetrics)
    lanes: dict[str, Lane] = field(default_factory=dict)
    leaving: list[tuple[str, Pool]] = field(default_factory=list)
    drawn: dict[str, int] = field(default_factory=dict)
    split_id: str = ""
    tallies: EvidenceByWeight = field(default_factory=EvidenceByWeight)
    units_in: Path | None = None
    cold_s: float = 0.0
    through: str = ""
    sample: list[msgspec.Raw] = field(default_factory=list)
    mirror: Mirror = field(init=False)
    checks: CrossCheck = field(init=False)
    _draws: dict[str, tuple[Draw, Draw]] = field(default_factory=dict, init=False)
    _units: SeenUnits | None = field(default=None, init=False)
    _cold_until: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        """Open the lanes of the first table."""
        self.mirror = Mirror(self.settings, self.counts, self.loop, self.tallies)
        self.checks = CrossCheck(self.settings.limits, self.loop, self.lanes)
        self.follow(self.table)

    def follow(self, table: RoutingTable) -> None:
        """Take over a newer table: lanes are opened, moved and closed; nothing under way is
        lost.
        """
        for version, address in table.addresses.items():
            lane = self.lanes.get(version)
            if lane is None:
                self.lanes[version] = self._lane(version, address)
            elif lane.pool.address != address:
                self.leaving.append((version, lane.pool))
                lane.move(self._pool(address))
                self._cold()

        for version, lane in self.lanes.items():
            lane.waits = self._waits(table, version)

        gone = [version for version in self.lanes if version not in table.addresses]
        self._meet(table)
        self.table, self._draws = table, {}
        if table.split_id != self.split_id:
            self.split_id, self.drawn = table.split_id, {}

        for version in gone:
            lane = self.lanes.pop(version)
            self.leaving.append((version, lane.pool))
            lane.close()

        self.mirror.follow(table, self.lanes)

    def predict(
        self,
        rows: list[msgspec.Raw],
        unit: bytes,
        lasting: bool,
        pin: str | None,
        timeout_s: float,
        tell: Told,
    ) -> None:
        """Ask the version that the split draws for `unit` (or `pin`); `tell` is called once, with a
        Reply.

        lasting: the unit comes again. Raises Problem where there is no version to ask.
        """
        draw = self.draw(unit, lasting, pin)
        deadline = self.loop.time() + timeout_s
        hurried = timeout_s < self.settings.limits.deadline_ms / 1000
        self._submit(
            InFlight(
                rows,
                deadline,
                self,
                draw.version,
                pin is not None,
                draw,
                time.perf_counter(),
                tell,
                hurried,
            )
        )

    def draw(self, unit: bytes, lasting: bool, pin: str | None) -> Draw:
        """The version for a unit; raises Problem where there is none."""
        table = self.table
        if pin is not None:
            return Draw(self._pinned(pin), "pinned")

        if table.split is None:
            raise Problem(
                503,
                "no version is released yet: `python deploy.py promote VERSION`",
                retry_after_s=5,
            )

        version = table.split.choose(unit)
        self.drawn[version] = self.drawn.get(version, 0) + 1
        first, again = self._draws.get(version) or self._draws_of(version)
        if (
            lasting
            and self._units is not None
            and table.rolling is not None
            and not self._units.first(unit)
        ):
            return again

        if first.tally is not None:
            first.tally.request_drawn()

        return first

    def _draws_of(self, version: str) -> tuple[Draw, Draw]:
        """As what its requests are drawn while this table is in force: a unit's first, and those
        that come again.
        """
        role, rolling = self.table.roles.get(version, "serving"), self.table.rolling
        number, weight = (rolling.number, rolling.weight) if rolling else (0, 0)
        first = Draw(version, role, self.tallies.of(self.table, version), number, weight)
        self._draws[version] = first, replace(first, tally=None)
        return self._draws[version]

    def warm(self) -> bool:
        """Whether times mean something: nobody has just started."""
        return self.loop.time() >= self._cold_until

    def _timed(self, version: str) -> bool:
        """Whether its times are compared: a third version's restarts must not keep a rollout from
        its verdict.
        """
        rolling = self.table.rolling
        return rolling is None or version in (rolling.candidate, rolling.stable)

    def _waits(self, table: RoutingTable, version: str) -> bool:
        """Whether its requests wait for its restart, because nobody answers in its place; a
        candidate's never do.
        """
        rolling = table.rolling
        alone = table.fallback_for(version) is None or not self.settings.fallback
        return alone and (rolling is None or version != rolling.candidate)

    def _cold(self) -> None:
        self._cold_until = self.loop.time() + self.cold_s

    def _meet(self, table: RoutingTable) -> None:
        """A new rollout begins with no units met, and with both versions cold."""
        known, rolling = self.table.rolling, table.rolling
        if rolling is None or (
            self._units is not None and known is not None and known.id == rolling.id
        ):
            return

        self._cold()
        if self._units is not None:
            self._units.close()
            self._units = None

        if self.units_in is not None and rolling.judged:
            self._units = SeenUnits(self.units_in, rolling.id)

    def expire(self) -> None:
        """Tell callers whose deadline passed in a queue."""
        now = self.loop.time()
        for lane in list(self.lanes.values()):
            lane.expire(now)

    def gauges(self) -> dict[Key, float]:
        """What is under way and waiting now, by version and by address, those being left
        included.
        """
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
        if pin not in self.table.addresses:
            raise Problem(404, f"version {pin!r} is not deployed")
        return pin

    def _lane(self, version: str, address: str) -> Lane:
        lane = Lane(version, self._pool(address), self.settings.limits, self.counts, self.loop)
        lane.on_outage = lambda: self._cold() if self._timed(version) else None
        return lane

    def _pool(self, address: str) -> Pool:
        return Pool(address, self.secret, self.loop, self.through)

    def _submit(self, ask: InFlight) -> None:
        lane = self.lanes.get(ask.version)
        if lane is None:
            self.done(ask, DispatchError("closed", f"{ask.version} is not deployed"))
            return

        refused = lane.submit(ask)
        if refused is not None:
            self.done(ask, refused)

    def done(self, ask: InFlight, outcome: Predicted | DispatchError) -> None:
        """Tell the caller what came of it, or ask who answers in place of a version that failed."""
        lost = outcome if isinstance(outcome, DispatchError) else _model_failure(outcome)
        if ask.fallen_from is None:
            seconds = time.perf_counter() - ask.started
            status = status_of(outcome, lost)
            self.counts.request(ask.version, ask.draw.role, status, seconds)
            if (
                lost is not None
                and lost.reason in ("closed", "connect")
                and self._timed(ask.version)
            ):
                self._cold()
            failure = self._counted(ask, word_of(status, lost), seconds, lost)
            if lost is not None and self._fall_back(ask, lost, failure):
                return
            if failure is not None:
                self.checks.ask(
                    failure, ask.version, _at_fault(ask, outcome), self.table, ask.draw.weight
                )
            if (
                lost is not None
                and lost.reason == "deadline"
                and self._watching()
                and not self._too_soon(ask)
            ):
                self._failed_beside(ask)
        else:
            self._settle(ask, outcome)
            if status_of(outcome, lost) == 200 and self._watching():
                self._failed_beside(ask)

        predicted = outcome if isinstance(outcome, Predicted) else None
        ask.tell(
            Reply(ask.version, predicted, ask.draw, None if predicted else lost, ask.fallen_from)
        )

    def late(self, ask: InFlight, outcome: Predicted | DispatchError) -> None:
        """What a version answered after its caller's own deadline still says how well it
        answers.
        """
        if not ask.hurried:
            return

        if ask.fallen_from is not None:
            self._settle(ask, outcome)
            return

        lost = outcome if isinstance(outcome, DispatchError) else _model_failure(outcome)
        word = word_of(status_of(outcome, lost), lost)
        failure = self._counted(ask, word, time.perf_counter() - ask.started, lost)
        if failure is not None:
            self.checks.ask(
                failure, ask.version, _at_fault(ask, outcome), self.table, ask.draw.weight
            )

    def _counted(
        self, ask: InFlight, word: str, seconds: float, lost: DispatchError | None
    ) -> FailedRequest | None:
        """Count how a drawn request ended; a failure is returned instead, until it is known what
        the other one says.
        """
        tally, warm = ask.draw.tally, self.loop.time() >= self._cold_until
        if tally is None or (
            lost is not None and lost.reason == "deadline" and self._too_soon(ask)
        ):
            return None

        if word in ("error", "refused"):
            return FailedRequest(tally, word, seconds, warm)

        tally.request_finished(word, seconds, warm)
        return None

    def _too_soon(self, ask: InFlight) -> bool:
        """Whether a passed deadline is its caller's doing: they gave too little time, or more rows
        than a batch has.
        """
        return ask.hurried or len(ask.rows) > self.settings.limits.max_batch_rows

    def _settle(self, ask: InFlight, outcome: Predicted | DispatchError) -> None:
        """Count the failure that made another version answer, by what that one answered."""
        failure, compared = ask.failure, self._compared(ask)
        if failure is None or (
            ask.over
            and ask.hurried
            and isinstance(outcome, DispatchError)
            and outcome.reason == "deadline"
        ):
            # Its batch is under way and will tell.
            return

        ask.failure = None
        if not compared or not failure.settle(outcome):
            self.checks.ask(
                failure, ask.fallen_from or ask.version, ask.rows, self.table, ask.draw.weight
            )

    def _compared(self, ask: InFlight) -> bool:
        """Whether who answers in its place is the other version of the rollout."""
        rolling = self.table.rolling
        return rolling is not None and {ask.version, ask.fallen_from} == {
            rolling.candidate,
            rolling.stable,
        }

    def _watching(self) -> bool:
        return self.table.rolling is not None and self.table.rolling.watching

    def _failed_beside(self, ask: InFlight) -> None:
        """The candidate failed a request that the version beside it answered, or had no more time
        for.
        """
        if ask.draw.tally is not None:
            ask.draw.tally.candidate_failed()

    def _fall_back(self, ask: InFlight, lost: DispatchError, failure: FailedRequest | None) -> bool:
        other = self.table.fallback_for(ask.version)
        if (
            not self.settings.fallback
            or ask.pinned
            or other is None
            or lost.reason in ("deadline", "refused")
        ):
            return False

        if lost.reason == "model" and ask.version == self.table.released:
            return False
        if self.loop.time() >= ask.deadline:
            return False

        self.counts.add(("fallback", ask.version, lost.reason))
        ask.fallen_from, ask.version, ask.failure = ask.version, other, failure
        ask.losses, ask.alone = 0, False
        self._submit(ask)
        return True


def status_of(outcome: Predicted | DispatchError, lost: DispatchError | None) -> int:
    """The HTTP status of an outcome: 200, 422 for a row at fault, 500 for the model, 502 to 504 for
    no answer.
    """
    if isinstance(outcome, DispatchError):
        return STATUS_OF_LOSS.get(outcome.reason, 503)
    if lost is not None:
        return 500
    if outcome.errors:
        return 422
    return 200


def word_of(status: int, lost: DispatchError | None) -> str:
    """What the verdict calls an outcome: ok, error, refused, or shed, which says nothing about the
    version.
    """
    if status == 200:
        return "ok"
    if status in (400, 422):
        return "refused"
    if lost is not None and lost.reason == "shed":
        return "shed"
    return "error"


def _at_fault(ask: InFlight, outcome: Predicted | DispatchError) -> list[msgspec.Raw]:
    """The rows that a version could not answer, the first of many; all of them where it gave no
    answer at all.
    """
    if isinstance(outcome, DispatchError):
        return ask.rows
    return [ask.rows[error.row] for error in outcome.errors[:MOST_AT_FAULT]]


def _model_failure(outcome: Predicted) -> DispatchError | None:
    for error in outcome.errors:
        if error.status >= 500:
            return DispatchError("model", error.detail)
    return None
