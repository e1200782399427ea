"""A rollout whose controller is the real one, and whose requests are only counted, not sent: for
what takes a hundred thousand of them and depends on nothing but their numbers.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.adversary.memory_stores import MemoryEvidence, MemoryLabels, MemoryLedger
from benchmarks.adversary.rollout_plan import CANDIDATE, STABLE, RolloutPlan
from benchmarks.adversary.simulated_controller import TICK_S, SimulatedController
from benchmarks.adversary.virtual_time import VirtualLoop, virtual
from rollout.state.split import ALL
from rollout.verdict.evidence import LABEL_LEVELS, Tally
from router.dispatch.routing_table import table_of
from router.evidence.evidence_counters import EvidenceByWeight

WORST = LABEL_LEVELS - 1


class CountedRollout:
    """A rollout in progress. requests: counted so far."""

    def __init__(
        self,
        plan: RolloutPlan,
        history: Tally,
        labels: MemoryLabels,
        loop: VirtualLoop,
        folder: Path,
        seed: int,
    ) -> None:
        self.loop, self.requests = loop, 0
        self.tallies, self.labels = EvidenceByWeight(), labels
        self.ledgers = MemoryLedger(plan.begun(), loop.time)
        self.controller = SimulatedController(
            self.tallies,
            loop.epoch,
            self.ledgers,
            MemoryEvidence(STABLE, history),
            self.labels,
            folder,
        )
        self._chance, self._order = np.random.default_rng(seed), random.Random(seed)

    def count(self, requests: int, losses: dict[str, float], labelled: dict[str, float]) -> None:
        """Count requests that were all answered, with their labels, and let the controller look.

        losses: the share of wrong answers by version; labelled: the share of its answers that get a
        label."""
        table = table_of(self.ledgers.ledger)
        weight = self.ledgers.ledger.weight(CANDIDATE)
        of_candidate = int(self._chance.binomial(requests, weight / ALL))
        counts = {CANDIDATE: of_candidate, STABLE: requests - of_candidate}
        came: dict[tuple[str, int, int], int] = {}
        for version, count in counts.items():
            tally = self.tallies.of(table, version)
            tally.drawn += count
            tally.finished["ok"] += count
            labels = int(self._chance.binomial(count, labelled[version]))
            wrong = int(self._chance.binomial(labels, losses[version]))
            came[version, weight, 0] = labels - wrong
            came[version, weight, WORST] = wrong

        self.labels.add(came, self._order)
        self.requests += requests
        self.loop.run_until(self.loop.now + TICK_S)
        self.controller.tick(self.ledgers.ledger)


@contextmanager
def counted(
    plan: RolloutPlan, history: Tally, labels: MemoryLabels, seed: int
) -> Iterator[CountedRollout]:
    """A counted rollout at the moment it begins."""
    loop = VirtualLoop()
    with TemporaryDirectory() as folder, virtual(loop, seed):
        rollout = CountedRollout(plan, history, labels, loop, Path(folder), seed)
        try:
            yield rollout
        finally:
            rollout.controller.close()
