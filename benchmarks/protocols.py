"""What each prediction route costs: `python -m benchmarks.protocols [--json] [--rounds 3]
[--seconds 3] [--http]`.

One flight a request to one running Sluice, by each protocol in turn, at 1 and 64 connections by
wrk; beside it MLflow's own server with the same model. The last line is one JSON object. `--http`
measures HTTP itself instead: a constant from one gunicorn worker, by gunicorn's own asgi protocol
and by wire/'s short way. Only ratios mean something."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from rich.console import Console

from benchmarks.answers import check_answers
from benchmarks.measure import WARM_UP_S, Measured, Ratio, Say, measure, ratio
from benchmarks.prediction_routes import PredictionRoute, prediction_routes
from benchmarks.processes import (
    STATE,
    BenchmarkFailed,
    Processes,
    free_port,
    resident_mb,
    tree,
)
from benchmarks.results import leave
from benchmarks.setups import mlflow
from benchmarks.setups.setup import Running, Setup
from benchmarks.setups.sluice import Stack, stack
from benchmarks.wrk_load import Load, write_bodies, wrk

CLASSES = {
    "gunicorn's own": "gunicorn.workers.gasgi.ASGIWorker",
    "short way": "wire.worker.FastPathWorker",
}
CONNECTIONS = (1, 64)
MLFLOW = "mlflow's own server"


def main() -> int:
    """Measure, show and print; returns 1 where a request failed or nothing could be measured."""
    options = _options()
    console = Console(stderr=options.json, width=150)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    if options.http:
        return _http(options.rounds, options.seconds, say)

    results = _ways(options.rounds, options.seconds, say)
    results |= measure([mlflow.setup()], CONNECTIONS, options.rounds, options.seconds, say)
    ratios = all_ratios(results)
    for name, quotient in ratios.items():
        say(f"{name:<32} {quotient.value:8.3g}   ({quotient.low:.3g} to {quotient.high:.3g})")

    leave("protocols", _result(results, ratios))
    own = [measured for name, measured in results.items() if name != MLFLOW]
    lost = sum(
        load.failed for measured in own for loads in measured.loads.values() for load in loads
    )
    return int(bool(lost) or any(measured.failure for measured in own))


def all_ratios(results: dict[str, Measured]) -> dict[str, Ratio]:
    """Each route by /predict, and MLflow's forms by MLflow's server, where both were measured."""
    found: dict[str, Ratio | None] = {}
    for name, measured in results.items():
        if name in ("predict", MLFLOW):
            continue

        key = name.replace(" ", "_")
        for count in CONNECTIONS:
            found[f"ratio_{key}_{count}"] = ratio(measured, results["predict"], count)

        found[f"p50_{key}_1"] = ratio(measured, results["predict"], 1, "p50_ms")

    for count in CONNECTIONS:
        found[f"ratio_mlflow_server_{count}"] = ratio(
            results["mlflow split"], results[MLFLOW], count
        )

    return {name: value for name, value in found.items() if value is not None}


def _ways(rounds: int, seconds: float, say: Say) -> dict[str, Measured]:
    """Every route, once a round, on one stack."""
    asked = prediction_routes()
    results = {name: Measured(name, route.path) for name, route in asked.items()}
    with stack("protocols") as made:
        made.run("ab", "v2", "--percent", "10")
        for number in range(1, rounds + 1):
            for name, route in asked.items():
                _measure(made, route, results[name], seconds)
                say(f"round {number}/{rounds}  {name:<20} {_summary(results[name])}")

    return results


def _measure(made: Stack, route: PredictionRoute, measured: Measured, seconds: float) -> None:
    running = Running(
        made.url + route.path, route.bodies, made.memory_mb, route.headers, route.predictions
    )
    try:
        _load(running, max(CONNECTIONS), WARM_UP_S)
        if route.bodies.suffix != ".hex":
            check_answers(running)

        for count in CONNECTIONS:
            measured.loads.setdefault(count, []).append(_load(running, count, seconds))
        measured.memory_mb.append(running.memory_mb())
    except BenchmarkFailed as error:
        measured.failure = str(error)


def _load(running: Running, connections: int, seconds: float) -> Load:
    return wrk(running.url, running.bodies, connections, seconds, headers=running.headers)


def _summary(measured: Measured) -> str:
    if measured.failure:
        return f"left out: {measured.failure[:160]}"

    last = {count: measured.loads[count][-1] for count in CONNECTIONS}
    return "  ".join(
        f"{count}: {load.requests_s:,.0f}/s p50 {load.p50_ms:.2f} ms, {load.failed} failed"
        for count, load in last.items()
    )


def _result(results: dict[str, Measured], ratios: dict[str, Ratio]) -> dict[str, Any]:
    return {
        **{name: round(quotient.value, 4) for name, quotient in ratios.items()},
        "spread": {name: asdict(quotient) for name, quotient in ratios.items()},
        "arguments": "".join(f" {word}" for word in sys.argv[1:] if word != "--json"),
        "setups": {name: measured.as_json() for name, measured in results.items()},
    }


def _http(rounds: int, seconds: float, say: Say) -> int:
    """Measure HTTP itself by both protocols, and tell the ratio."""
    setups = [Setup(name, worker, partial(_start, worker)) for name, worker in CLASSES.items()]
    results = measure(setups, CONNECTIONS, rounds, seconds, say)
    for count in CONNECTIONS:
        quotient = ratio(results["short way"], results["gunicorn's own"], count)
        if quotient is not None:
            low_high = f"({quotient.low:.1f} to {quotient.high:.1f})"
            say(f"{count} connections: {quotient.value:.1f} times as many {low_high}")

    return int(any(measured.failure for measured in results.values()))


@contextmanager
def _start(worker: str) -> Iterator[Running]:
    with Processes(STATE / "protocols" / "log") as processes:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--worker-class",
            worker,
            "--bind",
            f"127.0.0.1:{port}",
        ]
        command += [
            "--no-control-socket",
            "--asgi-loop",
            "uvloop",
            "--http-parser",
            "fast",
            "--keep-alive",
            "75",
        ]
        pid = processes.start([*command, "benchmarks.constant_app:create_app()"])
        url = f"http://127.0.0.1:{port}/predict"
        processes.wait_for(url, "POST", content=b"{}")
        bodies = write_bodies(STATE / "bodies.jsonl")
        yield Running(url, bodies, lambda: resident_mb(tree(pid)), predictions=None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="repetitions of everything (%(default)s)"
    )
    # Whole ones: wrk takes no others.
    parser.add_argument("--seconds", type=int, default=3, help="each measurement (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    parser.add_argument("--http", action="store_true", help="HTTP itself instead of the protocols")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
