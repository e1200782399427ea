"""The baseline: nginx `split_clients` before two Flask services on gunicorn, one worker with four
threads each.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.load import write_bodies
from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.bundles import bundle
from benchmarks.setups.setup import SHARES, Running, Setup, Upstreams

# Its folder, its port and what is behind it.
Proxy = Callable[[Path, int, Upstreams], list[str]]


def setup() -> Setup:
    """The plain set-up."""
    about = (
        f"nginx {nginx.version()} split_clients 90/10 -> 2 x Flask on gunicorn (1 worker, 4 "
        f"threads), scikit-learn"
    )
    return Setup("plain", about, partial(behind, "plain", nginx.split))


def start_services(processes: Processes) -> tuple[Upstreams, list[int]]:
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
    pids = [
        processes.start([*command, "--bind", f"127.0.0.1:{port}"], {"BUNDLE": str(bundle(version))})
        for version, port in ports.items()
    ]
    for port in ports.values():
        processes.wait_for(f"http://127.0.0.1:{port}/health")

    return {
        version: (f"127.0.0.1:{port}", SHARES[version]) for version, port in ports.items()
    }, pids


@contextmanager
def behind(name: str, proxy: Proxy) -> Iterator[Running]:
    """Both plain services behind a proxy's command."""
    with Processes(STATE / name / "log") as processes:
        upstreams, pids = start_services(processes)
        port = free_port()
        pids.append(processes.start(proxy(STATE / name, port, upstreams)))
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/health")
        bodies = write_bodies(STATE / "bodies.jsonl")
        yield Running(
            f"{url}/predict",
            bodies,
            lambda: resident_mb([descendant for pid in pids for descendant in tree(pid)]),
        )
