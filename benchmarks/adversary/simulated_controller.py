"""The controller of rollouts with its stores in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from benchmarks.adversary.memory_stores import (
    MemoryEvidence,
    MemoryLabels,
    MemoryLeases,
    MemoryLedger,
    NoArrivals,
    NoCopies,
)
from router.control.arrival_sampler import ArrivalSampler
from router.control.controller import Controller
from router.evidence.evidence_counters import EvidenceByWeight
from store.engine import engine

TICK_S = 1.0


class SimulatedController(Controller):
    """A controller that fails loudly, where the router's logs an error and goes on."""

    def __init__(
        self,
        tallies: EvidenceByWeight,
        clock: Callable[[], float],
        ledgers: MemoryLedger,
        evidence: MemoryEvidence,
        labels: MemoryLabels,
        folder: Path,
        **parts: Any,
    ) -> None:
        # Nothing is asked of this engine: all that would is replaced.
        self._unused = engine(f"sqlite:///{folder}/ledger.db")
        super().__init__(self._unused, "simulated", tallies, clock, **parts)
        stores: Any = {
            "ledgers": ledgers,
            "evidence": evidence,
            "labels": labels,
            "copies": NoCopies(),
            "leases": MemoryLeases(),
            "arrivals": ArrivalSampler(cast(Any, NoArrivals()), "simulated"),
        }
        for name, store in stores.items():
            setattr(self, name, store)

    def close(self) -> None:
        """Release what a controller holds."""
        self._unused.dispose()

    def _attempt(self, _failure: str, act: Callable[[], object]) -> object:
        return act()
