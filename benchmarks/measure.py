"""Interleaved repetitions: every set-up once a round, so that a noisy minute hurts all alike;
medians and ratios.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.answers import check_answers
from benchmarks.processes import BenchmarkFailed
from benchmarks.setups.setup import Setup
from benchmarks.wrk_load import Load, wrk

WARM_UP_S = 1.0
Say = Callable[[str], None]


@dataclass
class Measured:
    """One set-up's results. loads: by connections, one a round; memory_mb: after the last load, one
    a round.
    """

    name: str
    about: str
    loads: dict[int, list[Load]] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    failure: str = ""

    def median(self, connections: int, figure: str) -> float:
        """The median over the rounds of a Load's figure; raises KeyError where it was not
        measured.
        """
        return median(getattr(load, figure) for load in self.loads[connections])

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        loads = {
            str(connections): [asdict(load) for load in loads]
            for connections, loads in self.loads.items()
        }
        return {**asdict(self), "loads": loads}


def measure(
    setups: Sequence[Setup], connections: Sequence[int], rounds: int, seconds: float, say: Say
) -> dict[str, Measured]:
    """Measure every set-up at each number of connections in each round; one that cannot run is said
    and left out.
    """
    results = {setup.name: Measured(setup.name, setup.about) for setup in setups}
    for number in range(1, rounds + 1):
        for setup in setups:
            measured = results[setup.name]
            if not measured.failure:
                _one_round(setup, measured, connections, seconds)
                say(f"round {number}/{rounds}  {setup.name:<34} {_summary(measured, connections)}")

    return results


def _one_round(
    setup: Setup, measured: Measured, connections: Sequence[int], seconds: float
) -> None:
    try:
        with setup.start() as running:
            wrk(running.url, running.bodies, max(connections), WARM_UP_S, headers=running.headers)
            # After the warm-up, which leaves requests behind: a slow set-up must be done with them
            # first.
            check_answers(running)
            for count in connections:
                load = wrk(running.url, running.bodies, count, seconds, headers=running.headers)
                measured.loads.setdefault(count, []).append(load)
            measured.memory_mb.append(running.memory_mb())
    except BenchmarkFailed as error:
        measured.failure = str(error)


def _summary(measured: Measured, connections: Iterable[int]) -> str:
    if measured.failure:
        return f"left out: {measured.failure.splitlines()[0][:160]}"

    last = {count: measured.loads[count][-1] for count in connections}
    return "  ".join(
        f"{count}: {load.requests_s:,.0f}/s p50 {load.p50_ms:.2f} ms"
        for count, load in last.items()
    )


@dataclass(frozen=True)
class Ratio:
    """The median of one ratio a round, and its spread."""

    value: float
    low: float
    high: float


def ratio(
    candidate: Measured, reference: Measured, connections: int, figure: str = "requests_s"
) -> Ratio | None:
    """Mine by theirs, compared within each round; None where one of them was not measured."""
    pairs = zip(
        candidate.loads.get(connections, ()), reference.loads.get(connections, ()), strict=False
    )
    ratios = sorted(getattr(a, figure) / getattr(b, figure) for a, b in pairs if getattr(b, figure))
    return Ratio(median(ratios), ratios[0], ratios[-1]) if ratios else None
