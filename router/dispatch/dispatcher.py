"""Draws the version of each request, queues its rows, falls back where it fails, and counts.

A failure counts for the version that was drawn; its fallback is no new request."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from rollout.settings import RouterSettings
from router.dispatch.cross_check import CrossCheck, FailedRequest
from router.dispatch.lane import Lane
from router.dispatch.load_rehearsal import LoadRehearsal
from router.dispatch.pairs import AT_ONCE_S, PairedRequest, PairSampler
from router.dispatch.routing_table import RoutingTable
from router.dispatch.upstream import Pool
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.drift.drift_sample import DriftSample
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters
from router.evidence.seen_units import SeenUnits
from router.evidence.worker_metrics import Key, WorkerMetrics
from router.observability.request_spans import RequestSpans
from router.problems import Problem
from router.shadow.mirror import Mirror

STATUS_OF_LOSS = {"model": 500, "deadline": 504, "timeout": 504, "garbled": 502, "refused": 400}
MOST_FAILED_ROWS = 16
LOAD = "load"
"""The role of a load test's requests."""
LOAD_SHARE = 0.25
"""Of the rows that may wait for a version, those beside which a load test's still do in a judged
rollout."""
GIVES_WAY = "a load test gives way to users while a rollout is judged"


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a request.

    version: the one that answered, or failed. fallback_from: the drawn version, where it failed
    before. pair: the comparison it is part of."""

    version: str
    predicted: Predicted | None
    draw: "Draw"
    lost: DispatchError | None = None
    fallback_from: str | None = None
    pair: PairedRequest | None = None


OnReply = Callable[[Reply], None]


@dataclass(frozen=True, slots=True)
class Draw:
    """The version drawn for a request.

    role: of the version. tally: where the request counts in the verdict; None where it does not.
    number, weight: of the rollout in force, 0 without one. all_requests: where each request of the
    version counts, whether or not it is a unit's first; None without a rollout. load_counts: where
    a load test's request counts, and no other; None for users' requests."""

    version: str
    role: str
    tally: EvidenceCounters | None = None
    number: int = 0
    weight: int = 0
    all_requests: EvidenceCounters | None = None
    load_counts: WorkerMetrics | None = None


@dataclass(slots=True)
class InFlight(Pending):
    """A request in progress.

    version: the one that has its rows. pinned: the caller chose it.
    short_deadline: the caller's deadline is shorter than the router's.
    fallback_from: the drawn version, where it failed. failure: how, where that is to be counted.
    fault: lost or shed, where the drawn version could not be asked; fell_back_at: when it was known
    (loop time). pair: see Reply. request_id: of the caller's request, empty for others.
    sampled: the rows of it that are watched for drift, None for none."""

    dispatcher: "Dispatcher"
    version: str
    pinned: bool
    draw: Draw
    started: float
    on_reply: OnReply
    short_deadline: bool = False
    fallback_from: str | None = None
    failure: FailedRequest | None = None
    fault: str = ""
    fell_back_at: float = 0.0
    pair: PairedRequest | None = None
    request_id: bytes = b""
    sampled: Sequence[int] | None = None

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.dispatcher.done(self, outcome)

    def late(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.dispatcher.late(self, outcome)


@dataclass
class Dispatcher:
    """The lanes and counts of one worker. Belongs to one event loop."""

    settings: RouterSettings
    secret: str
    loop: asyncio.AbstractEventLoop
    table: RoutingTable
    counts: WorkerMetrics = field(default_factory=WorkerMetrics)
    load_counts: WorkerMetrics = field(default_factory=WorkerMetrics)
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
    pairs: PairSampler = field(init=False)
    rehearsal: LoadRehearsal = field(init=False)
    pairs_per_s: float = 0.0
    drift: DriftSample = field(default_factory=partial(DriftSample, 0.0))
    clock: Callable[[], float] = time.time
    spans: RequestSpans | None = None
    _draws: dict[str, tuple[Draw, Draw]] = field(default_factory=dict, init=False)
    _load_draws: dict[str, Draw] = field(default_factory=dict, init=False)
    _units: SeenUnits | None = field(default=None, init=False)
    _cold_until: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        """Open the lanes of the first routing table."""
        self.mirror = Mirror(self.settings, self.counts, self.loop, self.tallies)
        self.checks = CrossCheck(self.settings.limits, self.loop, self.lanes)
        self.pairs = PairSampler(
            self.pairs_per_s,
            self.settings.limits,
            self.loop,
            self.lanes,
            self.tallies,
            self.warm,
            self.mirror.kept,
            self.clock,
        )
        self.rehearsal = LoadRehearsal(
            self.settings.limits, self.loop, self.lanes, self.tallies, self.clock
        )
        self.follow(self.table)

    def follow(self, table: RoutingTable) -> None:
        """Use a newer routing table: open, move and close lanes. Requests in progress go on."""
        for version, address in table.addresses.items():
            lane = self.lanes.get(version)
            if lane is None:
                self.lanes[version] = self._lane(version, address)
            elif lane.pool.address != address:
                self.leaving.append((version, lane.pool))
                lane.move(self._pool(address))
                self._start_cold_period()

        for version, lane in self.lanes.items():
            lane.waits = self._waits_for_restart(table, version)

        gone = [version for version in self.lanes if version not in table.addresses]
        self._begin_rollout(table)
        self.table, self._draws, self._load_draws = table, {}, {}
        if table.split_id != self.split_id:
            self.split_id, self.drawn = table.split_id, {}

        for version in gone:
            lane = self.lanes.pop(version)
            self.leaving.append((version, lane.pool))
            lane.close()

        self.mirror.follow(table, self.lanes)
        self.pairs.follow(table)
        self.rehearsal.follow(table)

    def send(
        self,
        draw: "Draw",
        rows: list[msgspec.Raw],
        pinned: bool,
        timeout_s: float,
        on_reply: OnReply,
        request_id: bytes = b"",
        span: Any = None,
    ) -> None:
        """Send rows to the version that was drawn; every draw is sent.

        on_reply: called once, with the Reply."""
        deadline = self.loop.time() + timeout_s
        short_deadline = timeout_s < self.settings.limits.deadline_ms / 1000
        request = InFlight(
            rows,
            deadline,
            self,
            draw.version,
            pinned,
            draw,
            time.perf_counter(),
            on_reply,
            short_deadline,
            request_id=request_id,
        )
        request.span = span
        if draw.all_requests is not None:
            request.pair = self.pairs.begin(rows, request.size, draw.version)

        if draw.tally is not None or draw.all_requests is not None:
            rollout, weight = self._first_of_unit(draw)
            request.sampled = self.drift.take(rows, draw.version, rollout, weight)

        self._submit(request)

    def draw(self, unit: bytes, lasting: bool, pin: str | None) -> Draw:
        """Draw the version for a unit, or use `pin`; raises Problem where there is none.

        lasting: the unit comes again."""
        table = self.table
        if pin is not None:
            return Draw(self._pinned(pin), "pinned")

        if table.split is None:
            raise _nothing_released()

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

    def draw_load(self, unit: bytes, pin: str | None) -> Draw:
        """Draw the version for a request of a load test, which counts nowhere among users'."""
        table = self.table
        if pin is not None:
            version = self._pinned(pin)
        elif table.split is not None:
            version = table.split.choose(unit)
        else:
            raise _nothing_released()

        draw = self._load_draws.get(version)
        if draw is None:
            draw = self._load_draws[version] = Draw(version, LOAD, load_counts=self.load_counts)

        return draw

    def _draws_of(self, version: str) -> tuple[Draw, Draw]:
        """A version's draws under this table: for the first request of a unit, and for others."""
        role, rolling = self.table.roles.get(version, "serving"), self.table.rolling
        number = weight = 0
        if rolling is not None:
            number, weight = rolling.number, rolling.weight

        tally = self.tallies.of(self.table, version)
        first = Draw(version, role, tally, number, weight, tally if rolling is not None else None)
        self._draws[version] = first, replace(first, tally=None)
        return self._draws[version]

    def _first_of_unit(self, draw: Draw) -> tuple[int, int]:
        """Number and weight of the judged rollout in which a draw is the first of its unit; else
        zeros.
        """
        rolling = self.table.rolling
        if draw.tally is None or rolling is None or not rolling.judged:
            return 0, 0

        return draw.number, draw.weight

    def warm(self) -> bool:
        """Whether times can be compared: no version has started just now, and none has the load of
        a rehearsal.
        """
        return self.loop.time() >= self._cold_until and not self.rehearsal.is_on()

    def _is_compared(self, version: str) -> bool:
        """Whether the verdict compares its times: restarts of a third version do not matter."""
        rolling = self.table.rolling
        return rolling is None or version in (rolling.candidate, rolling.stable)

    def _waits_for_restart(self, table: RoutingTable, version: str) -> bool:
        """Whether its requests wait for a restart: it has no fallback and is no candidate."""
        rolling = table.rolling
        alone = table.fallback_for(version) is None or not self.settings.fallback
        return alone and (rolling is None or version != rolling.candidate)

    def _start_cold_period(self) -> None:
        self._cold_until = self.loop.time() + self.cold_s

    def _begin_rollout(self, table: RoutingTable) -> None:
        """Where the table has a new rollout, forget all units and begin a cold period."""
        before, rolling = self.table.rolling, table.rolling
        if rolling is None or (
            self._units is not None and before is not None and before.id == rolling.id
        ):
            return

        self._start_cold_period()
        if self._units is not None:
            self._units.close()
            self._units = None

        if self.units_in is not None and rolling.judged:
            self._units = SeenUnits(self.units_in, rolling.id)

    def expire(self) -> None:
        """Answer the queued requests whose deadline has passed."""
        now = self.loop.time()
        for lane in list(self.lanes.values()):
            lane.expire(now)

    def gauges(self) -> dict[Key, float]:
        """Rows in flight and queued, draws, and batches in flight per address."""
        self.leaving = [(version, pool) for version, pool in self.leaving if pool.in_flight]
        gauges: dict[Key, float] = {}
        for version, lane in self.lanes.items():
            gauges["in_flight", version] = lane.rows_in_flight
            gauges["queue_rows", version] = lane.queued_rows
            gauges["address", version, lane.pool.address] = lane.pool.in_flight

        for version, pool in self.leaving:
            gauges["address", version, pool.address] = pool.in_flight

        for version, count in self.drawn.items():
            gauges["drawn", self.split_id, version] = count

        return gauges

    def _pinned(self, pin: str) -> str:
        if pin not in self.table.addresses:
            raise Problem(404, f"version {pin!r} is not deployed")

        return pin

    def _lane(self, version: str, address: str) -> Lane:
        lane = Lane(version, self._pool(address), self.settings.limits, self.counts, self.loop)

        def on_outage() -> None:
            if self._is_compared(version):
                self._start_cold_period()

        lane.on_outage, lane.spans = on_outage, self.spans
        return lane

    def _pool(self, address: str) -> Pool:
        return Pool(address, self.secret, self.loop, self.through)

    def _submit(self, request: InFlight) -> None:
        lane = self.lanes.get(request.version)
        if lane is None:
            self.done(request, DispatchError("closed", f"{request.version} is not deployed"))
            return

        refused: DispatchError | None = None
        if request.draw.load_counts is not None and self._gives_way(lane):
            refused = DispatchError("gave way", GIVES_WAY)
        else:
            refused = lane.submit(request)

        if refused is not None:
            self.done(request, refused)

    def _gives_way(self, lane: Lane) -> bool:
        """Whether a load test's request is refused, so that its rows shed no user's evidence."""
        rolling = self.table.rolling
        judged = rolling is not None and rolling.judged
        return judged and lane.queued_rows > LOAD_SHARE * lane.batch_sizer.waiting_rows

    def done(self, request: InFlight, outcome: Predicted | DispatchError) -> None:
        """Reply to the caller, or send the rows to the fallback where the version failed."""
        lost = outcome if isinstance(outcome, DispatchError) else _model_failure(outcome)
        if request.fallback_from is not None:
            self._settle(request, outcome)
            self._count_fault(request, outcome)
        elif self._count_or_fall_back(request, outcome, lost):
            return

        predicted = None
        if isinstance(outcome, Predicted):
            predicted, lost = outcome, None
            if request.sampled is not None and request.fallback_from is None:
                self.drift.answered(request.version, predicted.predictions, request.sampled)

        request.on_reply(
            Reply(
                request.version, predicted, request.draw, lost, request.fallback_from, request.pair
            )
        )

    def _count_or_fall_back(
        self, request: InFlight, outcome: Predicted | DispatchError, lost: DispatchError | None
    ) -> bool:
        """Count the outcome of the drawn version. Returns whether the fallback has the rows now."""
        version, seconds = request.version, time.perf_counter() - request.started
        status = status_of(outcome, lost)
        counts = request.draw.load_counts or self.counts
        counts.request(version, request.draw.role, status, seconds, request.request_id)
        self._note_half(request, outcome)
        if lost is None:
            self._count_answer(request, status)
            failure = self._counted(request, word_of(status, None), seconds, None)
        else:
            if lost.reason in ("closed", "connect") and self._is_compared(version):
                self._start_cold_period()

            failure = self._counted(request, word_of(status, lost), seconds, lost)
            if self._fall_back(request, lost, failure):
                return True

        if failure is not None:
            self._cross_check(failure, request, outcome)

        return False

    def _cross_check(
        self, failure: FailedRequest, request: InFlight, outcome: Predicted | DispatchError
    ) -> None:
        rows = _failed_rows(request, outcome)
        self.checks.ask(failure, request.version, rows, self.table, request.draw.weight)

    def late(self, request: InFlight, outcome: Predicted | DispatchError) -> None:
        """Count an outcome that came after the caller's own deadline."""
        if not request.short_deadline:
            return

        if request.fallback_from is not None:
            self._settle(request, outcome)
            return

        if request.pair is not None:
            request.pair.answered(request.version, outcome)

        lost = outcome if isinstance(outcome, DispatchError) else _model_failure(outcome)
        word = word_of(status_of(outcome, lost), lost)
        failure = self._counted(request, word, time.perf_counter() - request.started, lost)
        if failure is not None:
            self._cross_check(failure, request, outcome)

    def _counted(
        self, request: InFlight, word: str, seconds: float, lost: DispatchError | None
    ) -> FailedRequest | None:
        """Count the outcome of a drawn request.

        Returns a failure instead of counting it: first the other version is asked."""
        tally = request.draw.tally
        if tally is None:
            return None
        if lost is not None and lost.reason == "deadline" and self._is_callers_fault(request):
            return None

        warm = self.warm()
        if word in ("error", "refused"):
            failure = FailedRequest(tally, word, seconds, warm)
            if self._may_ask_other():
                return failure

            # The fallback would tell of the candidate's failures alone, and favour it.
            failure.count()
            return None

        tally.request_finished(word, seconds, warm)
        return None

    def _may_ask_other(self) -> bool:
        """Whether the other version may be asked what one has failed: not where that would change
        something.
        """
        rolling = self.table.rolling
        return rolling is None or rolling.pairs

    def _is_callers_fault(self, request: InFlight) -> bool:
        """Whether a missed deadline is the caller's fault: too little time, or too many rows."""
        return request.short_deadline or len(request.rows) > self.settings.limits.max_batch_rows

    def _settle(self, request: InFlight, outcome: Predicted | DispatchError) -> None:
        """Count the failure of the drawn version by the outcome of its fallback."""
        failure, compared = request.failure, self._is_other_version_of_rollout(request)
        if failure is None or (
            request.over
            and request.short_deadline
            and isinstance(outcome, DispatchError)
            and outcome.reason == "deadline"
        ):
            # The batch of the fallback is in flight, and `late` will count it.
            return

        request.failure = None
        if not compared or not failure.settle(outcome):
            self.checks.ask(
                failure,
                request.fallback_from or request.version,
                request.rows,
                self.table,
                request.draw.weight,
            )

    def _is_other_version_of_rollout(self, request: InFlight) -> bool:
        """Whether the fallback is the other version of the rollout."""
        rolling = self.table.rolling
        return rolling is not None and {request.version, request.fallback_from} == {
            rolling.candidate,
            rolling.stable,
        }

    def _note_half(self, request: InFlight, outcome: Predicted | DispatchError) -> None:
        """Give the pair the half of the drawn version."""
        pair = request.pair
        if pair is None:
            return

        if _is_deadline(outcome) and request.short_deadline:
            # It had less time than its copy: its outcome comes later, or never.
            if not request.over:
                pair.dismiss()
        else:
            pair.answered(request.version, outcome)

    def _count_answer(self, request: InFlight, status: int) -> None:
        if request.draw.all_requests is not None:
            request.draw.all_requests.outcome("ok" if status == 200 else "refused")

    def _count_fault(self, request: InFlight, outcome: Predicted | DispatchError) -> None:
        """Count that the drawn version did not answer what its fallback has answered at once.

        An answer that took long came from a version in trouble itself."""
        counters = request.draw.all_requests
        if counters is None or not self._is_other_version_of_rollout(request):
            return
        if not request.fault or request.short_deadline:
            # What has no word of its own, or had too little time of its caller.
            return

        at_once = self.loop.time() - request.fell_back_at <= AT_ONCE_S
        if at_once and isinstance(outcome, Predicted) and not outcome.errors:
            counters.outcome(request.fault)

    def _fall_back(
        self, request: InFlight, lost: DispatchError, failure: FailedRequest | None
    ) -> bool:
        other = self.table.fallback_for(request.version)
        if (
            not self.settings.fallback
            or request.pinned
            or other is None
            or lost.reason in ("deadline", "refused", "gave way")
        ):
            return False

        if lost.reason == "model" and request.version == self.table.released:
            return False

        if self.loop.time() >= request.deadline:
            return False

        (request.draw.load_counts or self.counts).add(("fallback", request.version, lost.reason))
        request.fault, request.fell_back_at = _fault_of(lost), self.loop.time()
        request.fallback_from, request.version, request.failure = request.version, other, failure
        request.losses, request.alone = 0, False
        self._submit(request)
        return True


def _nothing_released() -> Problem:
    return Problem(
        503, "no version is released yet: `python deploy.py promote VERSION`", retry_after_s=5
    )


def status_of(outcome: Predicted | DispatchError, lost: DispatchError | None) -> int:
    """The HTTP status: 200, 422 for a bad row, 500 for the model, 502 to 504 for no answer."""
    if isinstance(outcome, DispatchError):
        return STATUS_OF_LOSS.get(outcome.reason, 503)
    if lost is not None:
        return 500
    if outcome.errors:
        return 422
    return 200


def word_of(status: int, lost: DispatchError | None) -> str:
    """The verdict's word for an outcome: ok, error, refused, or what is no evidence.

    A whole batch that was lost is one event, however many requests it held, and how many these are
    depends on a version's share. So it bets by no draw: pairs and outages are evidence of it."""
    if status == 200:
        return "ok"
    if status in (400, 422):
        return "refused"

    if lost is not None and lost.reason == "shed":
        return "shed"
    if lost is not None and lost.reason != "model":
        return "neither"
    return "error"


def _fault_of(lost: DispatchError) -> str:
    """The word of the kind `outcomes` for a request that falls back; empty for what is no event of
    its own.

    What a version fails on rows is compared in pairs, on equal terms; a suspended version has had
    its failure counted before."""
    if lost.is_of_the_process and lost.reason != "suspended":
        return lost.fault
    return ""


def _is_deadline(outcome: Predicted | DispatchError) -> bool:
    return isinstance(outcome, DispatchError) and outcome.reason == "deadline"


def _failed_rows(request: InFlight, outcome: Predicted | DispatchError) -> list[msgspec.Raw]:
    """The rows that failed, at most MOST_FAILED_ROWS; all of them where there was no answer."""
    if isinstance(outcome, DispatchError):
        return request.rows

    return [request.rows[error.row] for error in outcome.errors[:MOST_FAILED_ROWS]]


def _model_failure(outcome: Predicted) -> DispatchError | None:
    for error in outcome.errors:
        if error.status >= 500:
            return DispatchError("model", error.detail)

    return None
