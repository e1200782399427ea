"""The baseline: nginx `split_clients` before two Flask services on gunicorn, one worker with four
threads each.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.bundles import bundle
from benchmarks.setups.pairs import FLIGHTS, Pair
from benchmarks.setups.setup import SHARES, Running, Setup, Upstreams

# Its folder, its port and what is behind it.
Proxy = Callable[[Path, int, Upstreams], list[str]]


def setup(pair: Pair = FLIGHTS) -> Setup:
    """The plain set-up."""
    about = (
        f"nginx {nginx.version()} split_clients 90/10 -> 2 x Flask on gunicorn (1 worker, 4 "
        f"threads), scikit-learn"
    )
    name = pair.named("plain")
    return Setup(name, about, partial(behind, name.replace(" ", "-"), nginx.split, pair))


def start_services(processes: Processes, pair: Pair = FLIGHTS) -> tuple[Upstreams, list[int]]:
    """Start both plain services; returns the upstreams and the process ids."""
    ports = {"v1": free_port(), "v2": free_port()}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
        "--keep-alive",
        "120",
    ]
    command += ["--no-control-socket", "benchmarks.plain_app:create_app()"]
    pids = []
    for version, port in zip(pair.versions, ports.values(), strict=True):
        environ = {"BUNDLE": str(bundle(version, pair.recipes.get(version, "")))}
        if pair.has_gaps:
            environ["GAPS"] = "1"

        pids.append(processes.start([*command, "--bind", f"127.0.0.1:{port}"], environ))

    for port in ports.values():
        processes.wait_for(f"http://127.0.0.1:{port}/health")

    return {
        version: (f"127.0.0.1:{port}", SHARES[version]) for version, port in ports.items()
    }, pids


@contextmanager
def behind(name: str, proxy: Proxy, pair: Pair = FLIGHTS) -> Iterator[Running]:
    """Both plain services behind a proxy's command."""
    with Processes(STATE / name / "log") as processes:
        upstreams, pids = start_services(processes, pair)
        port = free_port()
        pids.append(processes.start(proxy(STATE / name, port, upstreams)))
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/health")
        yield Running(
            f"{url}/predict",
            pair.bodies(),
            lambda: resident_mb([descendant for pid in pids for descendant in tree(pid)]),
            pair=pair,
        )
