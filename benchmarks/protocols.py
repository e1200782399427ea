"""What HTTP itself costs: `python -m benchmarks.protocols`.

A constant answer of a prediction's size from one gunicorn worker on uvloop, by gunicorn's own asgi
protocol and by wire/'s short way, three rounds in turn at 1 and 64 connections."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.load import write_bodies
from benchmarks.measure import measure, ratio
from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups.setup import Running, Setup

CLASSES = {
    "gunicorn's own": "gunicorn.workers.gasgi.ASGIWorker",
    "short way": "wire.worker.FastPathWorker",
}
CONNECTIONS = (1, 64)


def main() -> int:
    """Measure both and print the ratio."""
    setups = [Setup(name, worker, partial(_start, worker)) for name, worker in CLASSES.items()]
    results = measure(setups, CONNECTIONS, 3, 3.0, print)
    for count in CONNECTIONS:
        quotient = ratio(results["short way"], results["gunicorn's own"], count)
        if quotient is not None:
            low_high = f"({quotient.low:.1f} to {quotient.high:.1f})"
            print(f"{count} connections: {quotient.value:.1f} times as many {low_high}")

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


if __name__ == "__main__":
    sys.exit(main())
