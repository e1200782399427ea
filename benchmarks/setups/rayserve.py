"""Ray Serve: both versions in each of two replicas with `serve.batch`, behind its HAProxy ingress.

Ray listens on every address and cannot be told not to, so it runs in a network namespace of its own
that has only a loopback. Two nginx, one on either side of a Unix socket, bring the requests in:
their cost is that of the nginx floor."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import ROOT, STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.environments import environ, pinned, program
from benchmarks.setups.setup import Running, Setup
from benchmarks.wrk_load import write_bodies

PORT = 8000
ALONE = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


def setups() -> list[Setup]:
    """With scikit-learn and with ONNX Runtime."""
    about = (
        f"Ray Serve {pinned('rayserve', 'ray')}, HAProxy ingress, v1 and v2 in 2 replicas, "
        f"batches within 5 ms, "
    )
    return [
        Setup(f"rayserve {runtime}", about + runtime, partial(_start, runtime))
        for runtime in ("sklearn", "onnx")
    ]


@contextmanager
def _start(runtime: str) -> Iterator[Running]:
    state = STATE / f"rayserve-{runtime}"
    # Not under the state: the paths of Ray's sockets would be too long for Unix sockets.
    with (
        TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        Processes(state / "log") as processes,
    ):
        socket, port = f"unix:{folder}/socket", free_port()
        inside = nginx.command(state / "inside", nginx.proxy(socket, f"127.0.0.1:{PORT}"))
        outside = nginx.command(state / "outside", nginx.proxy(f"127.0.0.1:{port}", socket))
        pids = [
            processes.start(
                _alone(inside), {**environ("rayserve", runtime, state), **_own(Path(folder))}
            )
        ]
        pids.append(processes.start(outside))
        url = f"http://127.0.0.1:{port}/predict"
        bodies = write_bodies(STATE / "bodies.jsonl")
        processes.wait_for(url, "POST", content=bodies.read_text().splitlines()[0])
        yield Running(
            url,
            bodies,
            lambda: resident_mb([descendant for pid in pids for descendant in tree(pid)]),
        )


def _alone(proxy: list[str]) -> list[str]:
    app = [program("rayserve", "python"), "-m", "benchmarks.peers.rayserve_app"]
    script = f"ip link set lo up && {{ {shlex.join(proxy)} & exec {shlex.join(app)}; }}"
    return [*ALONE, *(["--map-root-user"] if os.geteuid() else []), "sh", "-c", script]


def _own(folder: Path) -> dict[str, str]:
    own = {
        "PORT": str(PORT),
        "FOLDER": str(folder),
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    files = {
        "CONFIG_FILE_LOC": "haproxy.cfg",
        "SOCKET_PATH": "admin.sock",
        "SERVER_STATE_BASE": "state",
        "SERVER_STATE_FILE": "state/server-state",
    }
    haproxy = {f"RAY_SERVE_HAPROXY_{name}": str(folder / file) for name, file in files.items()}
    return {**own, **haproxy, "RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_HAPROXY_NBTHREAD": "2"}
