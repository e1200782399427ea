"""Tails, fairness and overload: `python -m benchmarks.overload [--json] [--rounds 3] [--seconds
3]`.

Requests arrive at a constant rate and are counted from their intended start. Rates are shares of
the capacity that a closed loop found just before, so every figure is a ratio within one round; of
several rounds the median is told.

- sklearn: v1 serves the pipeline itself, 16 rows a request, so that a generator in Python can send
  three times its capacity from the same cores. Open loop at 50 % and 80 %; three times the
  capacity, then 50 % until the tail is back.
- onnx: as deploy.toml has it, one row a request. Open loop at 50 % and 80 %; beside requests of
  1,000 rows; v1 beside a v2 whose processes stand still half of the time; resident memory and
  start-up beside the plain set-up's.

The last line is one JSON object.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.arrivals import Arrived, Phase, Stream, send, stream
from benchmarks.processes import ROOT, STATE, Processes, free_port, send_signal, tree
from benchmarks.results import leave
from benchmarks.setups import plain
from benchmarks.setups.bundles import bundle
from benchmarks.setups.sluice import Stack, stack
from benchmarks.wrk_load import flights
from examples.flights.data import instances
from targets.procfile import command

SKLEARN = '[deployment]\nruntime = "sklearn"\n'
TIMES_CAPACITY = 3.0
BUSY_CONNECTIONS, CONNECTIONS, MOST_CONNECTIONS = 256, 512, 2_000
OVERLOAD_ROWS, LARGE_ROWS, MOST_ROWS = 16, 1_000, 8_000
WARM_UP_S = 0.5
WINDOW_S = 0.1
STILL_S = 0.2
WEIGHED_S = 0.5


@dataclass(frozen=True)
class Capacity:
    """Of a closed loop: requests of one row answered a second."""

    requests_s: float


@dataclass(frozen=True)
class Steady:
    """Open loop below capacity. failed: answers other than 200, or none; generator_late_ms: its own
    p99.
    """

    p50_ms: float
    p99_ms: float
    failed: int
    generator_late_ms: float


@dataclass(frozen=True)
class Overload:
    """Several times the capacity. goodput: 200s while it lasted; given: their times; silent:
    requests without answer.

    shed_s: the 99th percentile of a shed answer's time; recovery_s: from its end until two windows
    in a row have a p99 of at most twice that at 50 %; growth_mb: resident, at most, over that
    before."""

    goodput_over_capacity: float
    shed_share: float
    shed_without_retry_after: int
    other_statuses: int
    shed_p99_ms: float
    given_p50_ms: float
    given_p99_ms: float
    silent: int
    recovery_s: float
    growth_mb: float
    generator_late_ms: float


@dataclass(frozen=True)
class Beside:
    """One kind of requests beside another: its p99 over its p99 alone, both in ms; failed: of both
    kinds.
    """

    p99_over_alone: float
    p99_alone_ms: float
    p99_ms: float
    other_p99_ms: float
    failed: int


@dataclass(frozen=True)
class Cost:
    """Resident MB of router and two ONNX versions, and of plain's nginx and two services; seconds
    until ready.
    """

    memory_mb: float
    plain_memory_mb: float
    start_s: float
    plain_start_s: float


Note = Callable[[str, Any], None]


class Measurer:
    """One Sluice under open-loop load. seconds: of each phase."""

    def __init__(self, made: Stack, seconds: float, rows: int = 1) -> None:
        self.stack, self.seconds = made, seconds
        self.url = f"{made.url}/predict"
        self.bodies = bodies_of(rows)

    def capacity(self, bodies: Path | None = None, connections: int = BUSY_CONNECTIONS) -> float:
        """Requests a second of a closed loop."""
        busy = stream(
            "busy", bodies or self.bodies, [Phase(0, WARM_UP_S + self.seconds)], connections
        )
        answered = send(self.url, busy)["busy"].good().answered
        return (
            float(((answered >= WARM_UP_S) & (answered < WARM_UP_S + self.seconds)).sum())
            / self.seconds
        )

    def steady(self, rate: float) -> Steady:
        """Requests at a rate below capacity."""
        arrived = _warm(send(self.url, self._stream("steady", self.bodies, rate))["steady"])
        return Steady(arrived.ms(50), arrived.ms(99), _failed(arrived), arrived.sent_late_ms())

    def overload(self, capacity: float, usual_p99_ms: float) -> Overload:
        """Three times the capacity, then half of it."""
        phases = [
            Phase(TIMES_CAPACITY * capacity, self.seconds),
            Phase(capacity / 2, 2 * self.seconds),
        ]
        weighed = [(time.monotonic(), self.stack.memory_mb())]

        def weigh() -> None:
            if time.monotonic() > weighed[-1][0] + WEIGHED_S:
                weighed.append((time.monotonic(), self.stack.memory_mb()))

        arrived = send(
            self.url, stream("all", self.bodies, phases, MOST_CONNECTIONS), meanwhile=weigh
        )["all"]
        most = max(mb for _, mb in weighed)
        return self._result(arrived, capacity, usual_p99_ms, most - weighed[0][1])

    def _result(
        self, arrived: Arrived, capacity: float, usual_p99_ms: float, growth_mb: float
    ) -> Overload:
        during = arrived.due(0, self.seconds)
        good, shed = during.good(), during.where(during.status == 503)
        return Overload(
            goodput_over_capacity=float((good.answered < self.seconds).sum())
            / self.seconds
            / capacity,
            shed_share=len(shed) / len(during),
            shed_without_retry_after=int((shed.retry == 0).sum()),
            other_statuses=int((~np.isin(arrived.status, (200, 503)) & (arrived.status > 0)).sum()),
            shed_p99_ms=shed.ms(99),
            given_p50_ms=good.ms(50),
            given_p99_ms=good.ms(99),
            silent=arrived.silent(),
            recovery_s=_recovery_s(arrived, self.seconds, 3 * self.seconds, 2 * usual_p99_ms),
            growth_mb=growth_mb,
            generator_late_ms=during.sent_late_ms(),
        )

    def mixed(self, capacity: float) -> Beside:
        """One-row requests at 20 % of their capacity beside 1,000-row ones at 25 % of theirs."""
        bodies = bodies_of(LARGE_ROWS)
        rate = self.capacity(bodies, 2) / 4
        large = self._stream("other", bodies, rate)
        return self._beside(capacity / 5, large)

    def slow_neighbour(self, capacity: float) -> Beside:
        """Requests to v1 at 20 % of the capacity beside those to v2 at 5 %, whose processes stop
        and go.
        """
        slow = self._stream("other", self.bodies, capacity / 20, X_Model_Version="v2")
        with _halting(tree(self.stack.pid_of_version("v2"))) as halt:
            return self._beside(capacity / 5, slow, halt)

    def _beside(
        self, rate: float, other: Stream, meanwhile: Callable[[], None] = lambda: None
    ) -> Beside:
        stream = self._stream("mine", self.bodies, rate)
        alone = _warm(send(self.url, stream)["mine"])
        arrived = send(self.url, stream, other, meanwhile=meanwhile)
        beside, others = _warm(arrived["mine"]), _warm(arrived["other"])
        failed = sum(map(_failed, (alone, beside, others)))
        return Beside(
            beside.ms(99) / alone.ms(99), alone.ms(99), beside.ms(99), others.ms(99), failed
        )

    def _stream(self, name: str, bodies: Path, rate: float, **headers: str) -> Stream:
        return stream(name, bodies, [Phase(rate, WARM_UP_S + self.seconds)], CONNECTIONS, **headers)


def main() -> int:
    """Measure, show and print; returns 1 where a request got no answer, or failed below
    capacity.
    """
    options = _options()
    console = Console(stderr=options.json, width=120)
    results: dict[str, list[Any]] = {}

    def note(name: str, figures: Any) -> None:
        results.setdefault(name, []).append(figures)
        console.print(f"{name:<24} {_in_words(figures)}", highlight=False)

    _sklearn(options.rounds, options.seconds, note)
    _onnx(options.rounds, options.seconds, note)
    for _ in range(options.rounds):
        note("onnx cost", cost())

    medians = {name: _medians(rounds) for name, rounds in results.items()}
    console.print(_table(medians))
    rounds = {name: [_plain(asdict(result)) for result in every] for name, every in results.items()}
    plain_medians = {name: _plain(result) for name, result in medians.items()}
    leave("overload", {**_headline(medians), "medians": plain_medians, "rounds": rounds})
    return 0 if _all_answered(results) else 1


def _sklearn(rounds: int, seconds: float, note: Note) -> None:
    with stack("overload-sklearn", SKLEARN) as made:
        measurer = Measurer(made, seconds, OVERLOAD_ROWS)
        for _ in range(rounds):
            capacity = measurer.capacity()
            half = measurer.steady(capacity * 0.5)
            note("sklearn capacity", Capacity(capacity))
            note("sklearn at 50 %", half)
            note("sklearn at 80 %", measurer.steady(capacity * 0.8))
            note("sklearn overload", measurer.overload(capacity, half.p99_ms))


def _onnx(rounds: int, seconds: float, note: Note) -> None:
    with stack("overload-onnx") as made:
        measurer = Measurer(made, seconds)
        for _ in range(rounds):
            capacity = measurer.capacity()
            note("onnx capacity", Capacity(capacity))
            note("onnx at 50 %", measurer.steady(capacity * 0.5))
            note("onnx at 80 %", measurer.steady(capacity * 0.8))
            note("onnx beside large", measurer.mixed(capacity))
            note("onnx beside slow", measurer.slow_neighbour(capacity))


def cost() -> Cost:
    """Memory after a little load, and start-up of one version, of Sluice and of the plain
    set-up.
    """
    with stack("overload-onnx") as made:
        made.run("ab", "v2", "--percent", "10")
        memory_mb = _weighed(f"{made.url}/predict", made.memory_mb)

    with plain.setup().start() as running:
        plain_memory_mb = _weighed(running.url, running.memory_mb)

    keys = {
        "SLUICE_BUNDLE": str(bundle("v1")),
        "SLUICE_PUBLIC_KEY": str(ROOT / "keys" / "sluice.pub"),
    }
    environment = {**keys, "SLUICE_SERVICE_SECRET": "a-secret-of-the-benchmark"}
    start_s = _start_s(
        command(ROOT / "Procfile", "service"), environment, "SLUICE_BIND", "/v2/health/live"
    )
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "4"]
    gunicorn += ["--no-control-socket", "benchmarks.plain_app:create_app()", "--bind"]
    plain_start_s = _start_s(gunicorn, {"BUNDLE": str(bundle("v1"))}, "", "/health")
    return Cost(memory_mb, plain_memory_mb, start_s, plain_start_s)


def bodies_of(rows: int) -> Path:
    """Requests of so many rows, one a line."""
    path = STATE / f"bodies-{rows}.jsonl"
    if not path.exists():
        every = list(instances(flights(MOST_ROWS)))
        parts = [every[start : start + rows] for start in range(0, len(every), rows)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            b"\n".join(msgspec.json.encode({"instances": part}) for part in parts) + b"\n"
        )

    return path


def _weighed(url: str, memory_mb: Callable[[], float]) -> float:
    send(url, stream("few", bodies_of(1), [Phase(0, 1.0)], 8))
    return memory_mb()


def _start_s(words: list[str], environ: dict[str, str], bind: str, health: str) -> float:
    """Seconds from the start of a process until it answers; `bind` names its variable, else its
    last argument is it.
    """
    address = f"127.0.0.1:{free_port()}"
    with Processes(STATE / "overload-start" / "log") as processes:
        begun = time.monotonic()
        processes.start(
            words if bind else [*words, address], {**environ, bind: address} if bind else environ
        )
        processes.wait_for(f"http://{address}{health}")
        return time.monotonic() - begun


def _recovery_s(arrived: Arrived, begin: float, end: float, least_ms: float) -> float:
    """Seconds from `begin` until two windows in a row have a p99 of at most `least_ms`; infinite
    where none have.
    """
    starts = np.arange(begin, end - WINDOW_S / 2, WINDOW_S)
    well = [arrived.due(start, start + WINDOW_S).ms(99) <= least_ms for start in starts]
    firsts = [
        start for start, (one, two) in zip(starts, pairwise(well), strict=False) if one and two
    ]
    return float(firsts[0] - begin) if firsts else float("inf")


@contextmanager
def _halting(pids: Sequence[int]) -> Iterator[Callable[[], None]]:
    """What stops these processes and lets them go on in turn, whenever it is called; they go on in
    the end.
    """
    begun = time.monotonic()

    def halt() -> None:
        still = int((time.monotonic() - begun) / STILL_S) % 2
        send_signal(pids, signal.SIGSTOP if still else signal.SIGCONT)

    try:
        yield halt
    finally:
        send_signal(pids, signal.SIGCONT)


def _warm(arrived: Arrived) -> Arrived:
    return arrived.where(arrived.intended >= WARM_UP_S)


def _failed(arrived: Arrived) -> int:
    return len(arrived) - len(arrived.good())


def _medians(rounds: Sequence[Any]) -> dict[str, float]:
    return {
        name: round(median(getattr(result, name) for result in rounds), 4)
        for name in asdict(rounds[0])
    }


def _plain(figures: dict[str, float]) -> dict[str, float | None]:
    """As JSON has them: what is not finite was not reached, or there was nothing to measure."""
    return {name: value if isfinite(value) else None for name, value in figures.items()}


def _headline(medians: dict[str, dict[str, float]]) -> dict[str, float | None]:
    over, large, slow, cost_ = (
        medians[name]
        for name in ("sklearn overload", "onnx beside large", "onnx beside slow", "onnx cost")
    )
    figures = {
        "goodput_over_capacity": over["goodput_over_capacity"],
        "shed_share": over["shed_share"],
        "shed_p99_ms": over["shed_p99_ms"],
        "given_p99_ms": over["given_p99_ms"],
        "silent": over["silent"],
        "recovery_s": over["recovery_s"],
        "p99_beside_large_over_alone": large["p99_over_alone"],
        "p99_beside_slow_over_alone": slow["p99_over_alone"],
        "memory_over_plain": round(cost_["memory_mb"] / cost_["plain_memory_mb"], 4),
        "start_over_plain": round(cost_["start_s"] / cost_["plain_start_s"], 4),
    }
    return _plain(figures)


def _all_answered(results: dict[str, list[Any]]) -> bool:
    below = [
        result
        for rounds in results.values()
        for result in rounds
        if isinstance(result, Steady | Beside)
    ]
    return not any(result.failed for result in below) and not any(
        result.silent for result in results["sklearn overload"]
    )


def _in_words(figures: Any) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in asdict(figures).items())


def _table(medians: dict[str, dict[str, float]]) -> Table:
    table = Table()
    for column in ("medians", "figure", "value"):
        table.add_column(column, justify="right" if column == "value" else "left")

    for name, figures in medians.items():
        for index, (figure, value) in enumerate(figures.items()):
            table.add_row("" if index else name, figure, f"{value:,.4g}")

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="repetitions of everything (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="each phase (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
