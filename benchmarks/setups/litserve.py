"""LitServe: both versions in one worker behind one API server, a core each; batches by a timer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups.environments import environ, pinned, program
from benchmarks.setups.setup import Running, Setup
from benchmarks.wrk_load import write_bodies


def setups() -> list[Setup]:
    """With scikit-learn and with ONNX Runtime."""
    about = (
        f"LitServe {pinned('litserve', 'litserve')}, v1 and v2 in one worker, batches up to 64 "
        f"within 5 ms, "
    )
    return [
        Setup(f"litserve {runtime}", about + runtime, partial(_start, runtime))
        for runtime in ("sklearn", "onnx")
    ]


@contextmanager
def _start(runtime: str) -> Iterator[Running]:
    state = STATE / f"litserve-{runtime}"
    with Processes(state / "log") as processes:
        port = free_port()
        own = {"PORT": str(port), **environ("litserve", runtime, state)}
        pid = processes.start(
            [program("litserve", "python"), "-m", "benchmarks.peers.litserve_app"], own
        )
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/health")
        yield Running(
            f"{url}/predict", write_bodies(STATE / "bodies.jsonl"), lambda: resident_mb(tree(pid))
        )
