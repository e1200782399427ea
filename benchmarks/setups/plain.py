"""The baseline: nginx `split_clients` before two Flask services on gunicorn, one worker with four threads each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.load import write_bodies
from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.bundles import bundle
from benchmarks.setups.setup import Running, Setup


def setup() -> Setup:
    """The plain set-up."""
    about = f"nginx {nginx.version()} split_clients 90/10 -> 2 x Flask on gunicorn (1 worker, 4 threads), scikit-learn"
    return Setup("plain", about, _start)


def start_services(processes: Processes) -> tuple[dict[str, tuple[str, str]], list[int]]:
    """Start both plain services; returns nginx's upstreams and the process ids."""
    ports = {"v1": free_port(), "v2": free_port()}
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "4", "--keep-alive", "120"]
    command += ["--no-control-socket", "benchmarks.plain_app:create_app()"]
    pids = [
        processes.start([*command, "--bind", f"127.0.0.1:{port}"], {"BUNDLE": str(bundle(version))})
        for version, port in ports.items()
    ]
    for port in ports.values():
        processes.wait_for(f"http://127.0.0.1:{port}/health")
    return {"v1": (f"127.0.0.1:{ports['v1']}", "90%"), "v2": (f"127.0.0.1:{ports['v2']}", "10%")}, pids


@contextmanager
def _start() -> Iterator[Running]:
    with Processes(STATE / "plain" / "log") as processes:
        upstreams, pids = start_services(processes)
        port = free_port()
        pids.append(processes.start(nginx.command(STATE / "plain", nginx.weighted(port, upstreams))))
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/health")
        bodies = write_bodies(STATE / "bodies.jsonl")
        yield Running(f"{url}/predict", bodies, lambda: resident_mb([each for pid in pids for each in tree(pid)]))
