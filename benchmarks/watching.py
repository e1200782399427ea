"""What watching costs the watched: `python -m benchmarks.watching [--json] [--pairs 9] [--seconds
2]`.

ratio_traces: requests/s with spans for 1 % of the requests, sent to a collector, over those without
spans. Two stacks that differ in that alone are up at the same time and loaded in turn, in pairs
whose order alternates, so that a noisy second hurts both alike; the median of the pairs' ratios,
with an interval that holds it in 95 % of the runs or more. cpu_traces: the processor time of router
and versions for a request, with over without, of turns in which both are loaded at once: it says
something on a busy machine, too.
ratio_drift, cpu_drift: the same of the default sample of rows for drift, over none.
ratio: requests/s of one stack with 20 tabs of the operator's page open over those without, in pairs
of turns likewise. page_kb: what a browser loads for the page, compressed. history_bytes_90d: the
history's files after 90 days of dense traffic.
The last line is one JSON object."""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.page_pollers import open_tabs, page_kb
from benchmarks.processes import BenchmarkFailed, tree
from benchmarks.results import leave
from benchmarks.setups.pairs import FLIGHTS
from benchmarks.setups.sluice import Stack, stack
from benchmarks.wrk_load import Load, wrk
from tests.store.history.dense_history import history_bytes

CONNECTIONS = 64
WARM_UP_S = 2
RATIO = 0.01
CONFIDENCE = 0.95
PAIRS = 9
TABS = 20


@dataclass(frozen=True)
class Turn:
    """One stack's turn. cpu_s: processor time of router and versions."""

    load: Load
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time a request."""
        return 1e6 * self.cpu_s / max(1, self.load.requests)


def main() -> int:
    """Measure, print; returns 1 when a request failed."""
    options = _options()
    console = Console(stderr=options.json, width=150)
    with ExitStack() as running:
        collector = running.enter_context(_collector())
        off = running.enter_context(stack("watching-off"))
        settings = f'[traces]\nendpoint = "{collector.url}"\nratio = {RATIO}\n'
        on = running.enter_context(stack("watching-on", settings))
        blind = running.enter_context(stack("watching-blind", "[drift]\nrows_per_s = 0.0\n"))
        pairs = list(_pairs(off, on, options.pairs, options.seconds, console))
        at_once = list(_at_once(off, on, options.pairs, options.seconds))
        drift_pairs = list(_pairs(blind, off, options.pairs, options.seconds, console))
        drift_at_once = list(_at_once(blind, off, options.pairs, options.seconds))
        watched = list(_watched(off, options.pairs, options.seconds, console))
        size_kb = page_kb(off.url)
        spans = collector.end()

    ratios, watching, of_drift = map(_ratios, (pairs, watched, drift_pairs))
    cpu, cpu_drift = map(_cpu_ratios, (at_once, drift_at_once))
    turns = chain(*pairs, *at_once, *watched, *drift_pairs, *drift_at_once)
    failed = sum(turn.load.failed for turn in turns)
    requests = sum(with_spans.load.requests for _, with_spans in (*pairs, *at_once))
    with tempfile.TemporaryDirectory() as folder:
        history = history_bytes(Path(folder))

    result = {
        "ratio": round(median(watching), 4),
        "ratio_interval": _interval(watching),
        "page_kb": size_kb,
        "history_bytes_90d": history,
        "ratio_traces": round(median(ratios), 4),
        "ratio_traces_interval": _interval(ratios),
        "cpu_traces": round(median(cpu), 4),
        "cpu_traces_interval": _interval(cpu),
        "ratio_drift": round(median(of_drift), 4),
        "ratio_drift_interval": _interval(of_drift),
        "cpu_drift": round(median(cpu_drift), 4),
        "cpu_drift_interval": _interval(cpu_drift),
        "pairs": len(pairs),
        "requests_s": round(median(without.load.requests_s for without, _ in pairs)),
        "requests_with_spans_on": requests,
        "spans": spans,
        "failed": failed,
    }
    for name, value in result.items():
        console.print(f"{name:<24} {value}", highlight=False)

    leave("watching", result)
    return 1 if failed else 0


def _pairs(
    off: Stack, on: Stack, count: int, seconds: int, console: Console
) -> Iterator[tuple[Turn, Turn]]:
    """(without, with) of each pair."""
    for one in (off, on):
        _turn(one, WARM_UP_S)

    for number in range(count):
        first, second = (off, on) if number % 2 == 0 else (on, off)
        turns = {id(one): _turn(one, seconds) for one in (first, second)}
        without, with_spans = turns[id(off)], turns[id(on)]
        console.print(
            f"pair {number + 1}/{count}  without {without.load.requests_s:,.0f}/s "
            f"{without.cpu_us:.0f} µs  with {with_spans.load.requests_s:,.0f}/s "
            f"{with_spans.cpu_us:.0f} µs",
            highlight=False,
        )
        yield without, with_spans


def _ratios(pairs: Sequence[tuple[Turn, Turn]]) -> list[float]:
    """Requests/s of the second over those of the first, in order."""
    return sorted(second.load.requests_s / first.load.requests_s for first, second in pairs)


def _cpu_ratios(pairs: Sequence[tuple[Turn, Turn]]) -> list[float]:
    """The same of the processor time of a request."""
    return sorted(second.cpu_us / first.cpu_us for first, second in pairs)


def _watched(one: Stack, count: int, seconds: int, console: Console) -> Iterator[tuple[Turn, Turn]]:
    """(without tabs, with tabs) of each pair."""
    for number in range(count):
        turns = {}
        for tabs in (0, TABS) if number % 2 == 0 else (TABS, 0):
            with open_tabs(one.url, tabs):
                turns[tabs] = _turn(one, seconds)

        console.print(
            f"pair {number + 1}/{count}  without tabs {turns[0].load.requests_s:,.0f}/s  with "
            f"{TABS} {turns[TABS].load.requests_s:,.0f}/s",
            highlight=False,
        )
        yield turns[0], turns[TABS]


def _at_once(off: Stack, on: Stack, count: int, seconds: int) -> Iterator[tuple[Turn, Turn]]:
    """The same of pairs whose turns are at the same time."""
    with ThreadPoolExecutor(2) as threads:
        for _ in range(count):
            turns = [threads.submit(_turn, one, seconds) for one in (off, on)]
            yield turns[0].result(), turns[1].result()


def _turn(one: Stack, seconds: int) -> Turn:
    before = _cpu_s(one)
    load = wrk(f"{one.url}/predict", FLIGHTS.bodies(), CONNECTIONS, seconds)
    return Turn(load, _cpu_s(one) - before)


def _cpu_s(one: Stack) -> float:
    """Processor time of all processes under a stack's supervisor."""
    supervisor = int((one.state / "run" / "supervisord.pid").read_text())
    ticks = 0
    for pid in tree(supervisor):
        # What follows the program's name, which may have spaces: utime and stime are the 14th and
        # 15th fields of the line.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])

    return ticks / os.sysconf("SC_CLK_TCK")


def _interval(ordered: Sequence[float]) -> list[float]:
    """The two of them that hold the median with 95 % or more, the first and the last where they
    are too few.
    """
    count, outside = len(ordered), 0
    while 2 * _chance_of_at_most(outside, count) <= 1 - CONFIDENCE:
        outside += 1

    inner = max(0, outside - 1)
    return [round(ordered[inner], 4), round(ordered[-1 - inner], 4)]


def _chance_of_at_most(heads: int, coins: int) -> float:
    return sum(math.comb(coins, number) for number in range(heads + 1)) / 2**coins


class Collector:
    """A collector of spans in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process, self.url = process, url

    def end(self) -> int:
        """End it; returns how many spans it got."""
        out, _ = self._process.communicate("\n", timeout=30)
        return int(out)


@contextmanager
def _collector() -> Iterator[Collector]:
    command = [sys.executable, "-m", "benchmarks.otlp_receiver"]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    try:
        if process.stdout is None:
            raise BenchmarkFailed("the collector has no output")
        yield Collector(process, process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait(20)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="only JSON on standard output")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    options = parser.parse_args()
    if options.pairs < 5:
        parser.error("--pairs is at least 5")
    return options


if __name__ == "__main__":
    sys.exit(main())
