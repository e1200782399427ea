"""One router with its controller and two versions, in virtual time.

The endpoint of predictions, the dispatcher, its lanes, the counters, the seen units and the
controller are those of router/; simulated are the versions and the network to them."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.adversary.memory_stores import Act, MemoryEvidence, MemoryLabels, MemoryLedger
from benchmarks.adversary.rollout_plan import CANDIDATE, STABLE, RolloutPlan
from benchmarks.adversary.simulated_controller import TICK_S, SimulatedController
from benchmarks.adversary.simulated_version import SimulatedPool, SimulatedVersion
from benchmarks.adversary.virtual_time import VirtualLoop, virtual
from rollout.settings import Settings
from rollout.verdict.bins import latency_bin, ratio_bin
from rollout.verdict.evidence import Tally
from router.access.rules import Access
from router.access.token_list import TokenList
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.routing_table import RoutingTable, table_of
from router.endpoints.predict import Predict
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample

EXPIRE_S = 0.1
LOOKS_LIKE = 20_000
"""Requests of the stable version before the rollout."""
TIMED_PAIRS = 8
"""A second."""


@dataclass
class Contest:
    """Two versions and a plan.

    history: counts of the stable version before the rollout, by kind, besides the usual ones.
    noise: standard deviation of the logarithm of a timed pair's ratio."""

    plan: RolloutPlan
    candidate: SimulatedVersion
    stable: SimulatedVersion
    history: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    noise: float = 0.05


class SimulatedDispatcher(Dispatcher):
    """The dispatcher, whose pools lead to simulated versions."""

    versions: Mapping[str, SimulatedVersion]

    def _pool(self, address: str) -> Any:
        return SimulatedPool(address, self.loop, self.versions[address])


class Stack:
    """A contest in progress.

    requests: sent by users; failed: of them, those that the candidate was drawn for and did not
    answer; unanswered: those that nobody answered. shown: signals that only watch and would have
    acted, with the requests sent when they were first seen."""

    def __init__(self, contest: Contest, seed: int, loop: VirtualLoop, folder: Path) -> None:
        self.contest, self.loop = contest, loop
        self.requests = self.failed = self.unanswered = 0
        self.shown: dict[str, int] = {}
        self._chance = random.Random(seed)
        self._key = b"simulated key %d" % seed
        ledger = contest.plan.begun()
        SimulatedDispatcher.versions = {CANDIDATE: contest.candidate, STABLE: contest.stable}
        settings = contest.settings
        limits: Any = loop
        self.dispatcher = SimulatedDispatcher(
            settings.router,
            "",
            limits,
            self._table(ledger),
            units_in=folder,
            cold_s=settings.verdict.cold_s,
            pairs_per_s=settings.verdict.pairs_per_s,
            clock=loop.epoch,
        )
        outcomes = Outcomes(
            self.dispatcher.counts, self._key, loop.epoch, lambda _: contest.plan.kind.answers
        )
        access = Access(settings.router, "127.0.0.1", TokenList(""), b"")
        self.endpoint = Predict(
            settings, self.dispatcher, outcomes, RowSample(0, seed), access, lambda: False
        )
        self.labels = MemoryLabels()
        self.ledgers = MemoryLedger(ledger, loop.time)
        history: Tally = {**usual_history(contest.stable), **contest.history}
        self.evidence = MemoryEvidence(STABLE, history)
        self.controller = SimulatedController(
            self.dispatcher.tallies,
            loop.epoch,
            self.ledgers,
            self.evidence,
            self.labels,
            folder,
            kept=self.dispatcher.mirror.kept,
        )
        self._expire()
        self._tick()

    @property
    def acts(self) -> list[Act]:
        """What the controller did."""
        return self.ledgers.acts

    @property
    def over(self) -> bool:
        """Whether the rollout has ended."""
        return self.ledgers.ledger.rollout is None

    def send(self, rows: bytes, unit: bytes = b"", request_id: bytes = b"") -> None:
        """One user's request.

        rows: raw JSON, separated by commas. unit, request_id: values of these headers."""
        self.requests += 1
        headers = []
        if unit:
            headers.append((b"x-unit-id", unit))
        if request_id:
            headers.append((b"x-request-id", request_id))

        self.endpoint.answer(headers, b'{"instances":[%b]}' % rows, self._answered)

    def close(self) -> None:
        """Release what the router holds."""
        self.controller.close()
        if self.dispatcher._units is not None:
            self.dispatcher._units.close()

    def _answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        given = dict(headers)
        if given.get(b"x-fallback-from") == CANDIDATE.encode():
            self.failed += 1
        elif status >= 500:
            self.unanswered += 1
            self.failed += b'"version":"%b"' % CANDIDATE.encode() in body

    def _table(self, ledger: Any) -> RoutingTable:
        return table_of(ledger, self._key)

    def _expire(self) -> None:
        self.dispatcher.expire()
        self.loop.call_later(EXPIRE_S, self._expire)

    def _tick(self) -> None:
        before = self.ledgers.ledger
        self._time_pairs()
        self.controller.tick(before)
        self._note_shown()
        if self.ledgers.ledger is not before:
            self.dispatcher.follow(self._table(self.ledgers.ledger))

        self.loop.call_later(TICK_S, self._tick)

    def _time_pairs(self) -> None:
        """What the latency probe would have counted, of versions that are equally fast."""
        table = self.dispatcher.table
        if table.rolling is None:
            return

        tally = self.dispatcher.tallies.of(table, CANDIDATE)
        for _ in range(TIMED_PAIRS):
            index = ratio_bin(exp(self._chance.gauss(0, self.contest.noise)), 1.0)
            tally.pair_timed(index, index)

    def _note_shown(self) -> None:
        verdict = self.controller.verdict
        if verdict is None:
            return

        for judged in verdict.signals:
            if judged.worse and judged.rule.action == "watch":
                self.shown.setdefault(judged.rule.name, self.requests)


@contextmanager
def started(contest: Contest, seed: int) -> Iterator[Stack]:
    """The stack of a contest at the moment its rollout begins."""
    loop = VirtualLoop()
    with TemporaryDirectory() as folder, virtual(loop, seed):
        stack = Stack(contest, seed, loop, Path(folder))
        try:
            yield stack
        finally:
            stack.close()


def usual_history(stable: SimulatedVersion) -> dict[str, dict[str, int]]:
    """Counts of a stable version that answered all of LOOKS_LIKE requests, each alone."""
    usual = latency_bin(stable.batch_s + stable.row_s)
    return {"finished": {"ok": LOOKS_LIKE}, "waits": {str(usual): LOOKS_LIKE}}
