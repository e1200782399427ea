"""How fast predictions are served: `python -m benchmarks.serving [--json] [--rounds 3] [--seconds
5] [--peers all] [--only "plain,sluice sklearn"]`.

One flight a request, 90 % answered by v1 and 10 % by v2, at 1, 64 and 256 kept connections by wrk,
each set-up once a round; and the same with two random forests on flights with gaps. The last line
is one JSON object: ratios as medians of the rounds' ratios, their spread, and every measurement.
Only ratios mean something: load, router and versions share the machine's cores."""

import argparse
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, Ratio, measure, ratio
from benchmarks.results import leave
from benchmarks.setups import floors, peers, plain, sluice
from benchmarks.setups.pairs import FOREST
from benchmarks.setups.setup import Setup

CONNECTIONS = (1, 64, 256)
PLAIN_FOREST, CERTIFIED_FOREST = "plain forest", "sluice certified forest"
SKLEARN_FOREST = "sluice sklearn forest"
PLAIN, ONNX, SKLEARN, DIRECT = "plain", "sluice onnx", "sluice sklearn", "sluice service direct"
FLOOR, ENVOY = "floor: nginx -> constant", "floor: envoy -> constant"


def main() -> int:
    """Measure, show and print; returns 1 when a request to Sluice failed or one of its set-ups
    could not run.
    """
    options = _options()
    console = Console(stderr=options.json, width=150)
    asked = [*setups(), *peers.setups(options.peers)]
    if options.only:
        asked = _only(options.only, asked)

    results = measure(
        asked,
        CONNECTIONS,
        options.rounds,
        options.seconds,
        lambda line: console.print(line, highlight=False),
    )
    ratios = all_ratios(results)
    console.print(_table(results))
    for name, quotient in ratios.items():
        low_high = f"({quotient.low:.3g} to {quotient.high:.3g})"
        console.print(f"{name:<24} {quotient.value:8.3g}   {low_high}", highlight=False)

    if not options.only:
        leave("serving", _result(results, ratios))

    own = [measured for name, measured in results.items() if name.startswith("sluice")]
    lost = sum(
        load.failed for measured in own for loads in measured.loads.values() for load in loads
    )
    return 1 if lost or any(measured.failure for measured in own) else 0


def setups() -> list[Setup]:
    """What is measured, in this order in each round."""
    own = [sluice.setup("certified"), sluice.setup("sklearn"), sluice.direct()]
    forest = [plain.setup(FOREST), sluice.setup("certified", FOREST)]
    forest.append(sluice.setup("sklearn", FOREST))
    return [plain.setup(), *own, *forest, floors.constant(), floors.nginx_proxy()]


def all_ratios(results: dict[str, Measured]) -> dict[str, Ratio]:
    """Every ratio whose parts were measured."""
    asked: dict[str, tuple[str, str, int, str]] = {
        **{f"ratio_plain_{count}": (ONNX, PLAIN, count, "requests_s") for count in CONNECTIONS},
        **{
            f"ratio_plain_sklearn_{count}": (SKLEARN, PLAIN, count, "requests_s")
            for count in CONNECTIONS
        },
        **{name: (ONNX, peer, 64, "requests_s") for name, peer in best_peers(results).items()},
        "fraction_of_floor_64": (ONNX, FLOOR, 64, "requests_s"),
        "fraction_of_envoy_64": (ONNX, ENVOY, 64, "requests_s"),
        "p50_over_plain_1": (ONNX, PLAIN, 1, "p50_ms"),
        "p50_over_plain_sklearn_1": (SKLEARN, PLAIN, 1, "p50_ms"),
        "ratio_plain_64_forest": (CERTIFIED_FOREST, PLAIN_FOREST, 64, "requests_s"),
        "ratio_plain_sklearn_64_forest": (SKLEARN_FOREST, PLAIN_FOREST, 64, "requests_s"),
        "p50_over_plain_sklearn_1_forest": (SKLEARN_FOREST, PLAIN_FOREST, 1, "p50_ms"),
        "p50_over_direct_1": (ONNX, DIRECT, 1, "p50_ms"),
    }
    known = {name: ask for name, ask in asked.items() if ask[0] in results and ask[1] in results}
    ratios = {
        name: ratio(results[a], results[b], count, figure)
        for name, (a, b, count, figure) in known.items()
    }
    return {name: value for name, value in ratios.items() if value is not None}


def best_peers(results: dict[str, Measured]) -> dict[str, str]:
    """The fastest peer at 64 connections by the name of its ratio."""
    best = {
        "ratio_best_peer_64": peers.fastest(results, 64, onnx=False),
        "ratio_best_peer_onnx_64": peers.fastest(results, 64, onnx=True),
    }
    return {name: peer for name, peer in best.items() if peer is not None}


def _result(results: dict[str, Measured], ratios: dict[str, Ratio]) -> dict[str, Any]:
    machine = {"cores": os.cpu_count(), "cpu": _cpu(), "python": platform.python_version()}
    return {
        **{name: round(ratio.value, 4) for name, ratio in ratios.items()},
        "spread": {name: asdict(ratio) for name, ratio in ratios.items()},
        "best_peers": best_peers(results),
        "arguments": "".join(f" {word}" for word in sys.argv[1:] if word != "--json"),
        "machine": machine,
        "setups": {name: measured.as_json() for name, measured in results.items()},
    }


def _table(results: dict[str, Measured]) -> Table:
    table = Table()
    table.add_column("set-up, medians")
    for count in CONNECTIONS:
        table.add_column(f"req/s at {count}", justify="right")
        table.add_column("p50 / p99 ms", justify="right")

    table.add_column("MB", justify="right")
    for measured in results.values():
        if measured.failure:
            continue
        cells: list[str] = []
        for count in CONNECTIONS:
            cells.append(f"{measured.median(count, 'requests_s'):,.0f}")
            cells.append(
                f"{measured.median(count, 'p50_ms'):.2f} / {measured.median(count, 'p99_ms'):.1f}"
            )
        table.add_row(measured.name, *cells, f"{max(measured.memory_mb):,.0f}")

    return table


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        "unknown",
    )


def _peers(names: str) -> list[str]:
    try:
        return peers.named(names)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="repetitions of everything (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="each measurement (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    parser.add_argument(
        "--peers",
        type=_peers,
        default=[],
        help="these too, comma separated, or `all` (`make peers`)",
    )
    parser.add_argument(
        "--only", type=_names, default=[], help="these set-ups alone, comma separated"
    )
    return parser.parse_args()


def _only(names: list[str], known: list[Setup]) -> list[Setup]:
    """The set-ups of these names."""
    by_name = {setup.name: setup for setup in known}
    if unknown := [name for name in names if name not in by_name]:
        sys.exit(f"--only: no set-up is named {', '.join(unknown)}: {', '.join(by_name)}")

    return [by_name[name] for name in names]


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
