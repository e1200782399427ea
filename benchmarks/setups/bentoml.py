"""BentoML: both versions in one service, adaptive batching, two workers; faster than nginx before
two services.
"""

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
        f"BentoML {pinned('bentoml', 'bentoml')}, v1 and v2 in one service, 2 workers, batches up "
        f"to 64, "
    )
    return [
        Setup(f"bentoml {runtime}", about + runtime, partial(_start, runtime))
        for runtime in ("sklearn", "onnx")
    ]


@contextmanager
def _start(runtime: str) -> Iterator[Running]:
    state = STATE / f"bentoml-{runtime}"
    with Processes(state / "log") as processes:
        port = free_port()
        command = [program("bentoml", "bentoml"), "serve", "benchmarks.peers.bentoml_app:Flights"]
        own = {
            "BENTOML_HOME": str(state),
            "BENTOML_DO_NOT_TRACK": "true",
            **environ("bentoml", runtime, state),
        }
        pid = processes.start([*command, "--host", "127.0.0.1", "--port", str(port)], own)
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/readyz")
        bodies = write_bodies(STATE / "bodies.jsonl")
        yield Running(f"{url}/predict", bodies, lambda: resident_mb(tree(pid)), predictions=list)
