"""Generators of load, beside each other: `python -m benchmarks.load [--json] [--rounds 5]`.

Each sends to nginx, which answers a constant, in turn and in one process: the engine of
`python deploy.py load`, wrk, and Locust (FastHttpUser, the locustfile of `--engine locust`).

- ratio_locust, ratio_wrk: answers a second of the engine by theirs, 32 connections always busy.
- p50_ratio: the engine's median latency by wrk's, with one connection.
- own_delay_p99_ms: how late the engine itself sends, at a tenth of its rate.
- limit_over_capacity, with `--limit`: the rate that `--shape find-limit` finds for a Sluice, by the
  mean of the capacities that benchmarks/overload.py measures before and after; null where the run
  was invalid, as on a machine that does something else.

Of several rounds the median of each round's ratio is told. The last line is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.arrivals import Arrived, Phase, send, stream
from benchmarks.overload import Measurer, bodies_of
from benchmarks.processes import ROOT, BenchmarkFailed
from benchmarks.results import leave
from benchmarks.setups import floors
from benchmarks.setups.sluice import stack
from benchmarks.wrk_load import wrk
from load.locust_process import LocustJob, LocustMissing, run_locust

CONNECTIONS = 32
CAPACITY_S = 5.0
LOCUST_S = 2.0
"""Locust's users begin one after the other: its run is so much longer."""


@dataclass(frozen=True)
class GeneratorRates:
    """One round: answers a second with 32 connections; medians of one connection, in ms."""

    engine_s: float
    wrk_s: float
    locust_s: float
    engine_p50_ms: float
    wrk_p50_ms: float
    own_delay_p99_ms: float

    @property
    def ratios(self) -> dict[str, float]:
        """The engine's figures by the others'."""
        return {
            "ratio_locust": self.engine_s / self.locust_s,
            "ratio_wrk": self.engine_s / self.wrk_s,
            "p50_ratio": self.engine_p50_ms / self.wrk_p50_ms,
        }


def main() -> int:
    """Measure, show and print; returns 1 where a generator lost a request."""
    options = _options()
    console = Console(stderr=options.json, width=100)
    rounds = []
    with floors.constant().start() as running:
        for _ in range(options.rounds):
            rounds.append(one_round(running.url, running.bodies, options.seconds))
            shown = {**asdict(rounds[-1]), **rounds[-1].ratios}
            told = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
            console.print(told, highlight=False)

    ratios: dict[str, float | None] = {**_medians([one.ratios for one in rounds])}
    if options.limit:
        ratios["limit_over_capacity"] = limit_over_capacity()

    figures = _medians([asdict(one) for one in rounds])
    console.print(_table({**ratios, **figures}))
    leave("load", {**ratios, "medians": figures, "rounds": [asdict(one) for one in rounds]})
    return 0


def one_round(url: str, bodies: Path, seconds: float) -> GeneratorRates:
    """Each generator in turn. Raises BenchmarkFailed where one loses a request."""
    busy = _engine(url, bodies, 0, CONNECTIONS, seconds)
    engine_s = len(busy) / seconds
    alone = _engine(url, bodies, 0, 1, seconds)
    calm = _engine(url, bodies, engine_s / 10, CONNECTIONS, seconds)
    wrk_busy, wrk_alone = wrk(url, bodies, CONNECTIONS, seconds), wrk(url, bodies, 1, seconds)
    return GeneratorRates(
        engine_s,
        wrk_busy.requests_s,
        _locust(url, bodies, seconds),
        alone.ms(50),
        wrk_alone.p50_ms,
        calm.sent_late_ms(),
    )


def limit_over_capacity() -> float | None:
    """The rate that find-limit finds by the capacity of a closed loop; None of an invalid run."""
    with stack("load-limit") as made:
        measurer, rows = Measurer(made, CAPACITY_S), str(bodies_of(1))
        before = measurer.capacity()
        words = ("--shape", "find-limit", "--rate", f"{before / 2:.0f}", "--rows", rows, "--json")
        command = [sys.executable, "deploy.py", "load", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=made.environ, capture_output=True, text=True, check=False
        )
        after = measurer.capacity()

    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result.get("result") != "pass":
        return None
    return round(float(result["limit"]) / ((before + after) / 2), 4)


def _engine(url: str, bodies: Path, rate: float, connections: int, seconds: float) -> Arrived:
    arrived = send(url, stream("all", bodies, [Phase(rate, seconds)], connections))["all"]
    if len(arrived.good()) < len(arrived):
        raise BenchmarkFailed(f"the engine lost {len(arrived) - len(arrived.good())} requests")

    return arrived


def _locust(url: str, bodies: Path, seconds: float) -> float:
    host, _, path = url.rpartition("/")
    job = LocustJob(f"/{path}", str(bodies), "", 0, "", "", 0.0, os.getpid())
    try:
        run = run_locust(job, host, CONNECTIONS, seconds + LOCUST_S)
    except LocustMissing as error:
        raise BenchmarkFailed("Locust is missing: `./scripts/setup.sh locust`") from error

    if run.failed:
        raise BenchmarkFailed("Locust lost requests")
    return sum(entry.requests for entry in run.entries) / run.seconds


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    medians = {}
    for name in rounds[0]:
        medians[name] = round(median(one[name] for one in rounds), 4)

    return medians


def _table(figures: dict[str, float | None]) -> Table:
    table = Table()
    table.add_column("median of the rounds")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, "-" if value is None else f"{value:,.4g}")

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="each run (%(default)s)")
    parser.add_argument("--limit", action="store_true", help="look for a Sluice's limit too")
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
