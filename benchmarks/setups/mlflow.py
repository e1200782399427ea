"""MLflow's own scoring server with v1, as `mlflow models serve` starts it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.prediction_routes import split_bodies
from benchmarks.processes import (
    ROOT,
    STATE,
    BenchmarkFailed,
    Processes,
    free_port,
    resident_mb,
    tree,
)
from benchmarks.setups.bundles import bundle
from benchmarks.setups.environments import environ, pinned, program
from benchmarks.setups.setup import Running, Setup


def setup() -> Setup:
    """One worker, on scikit-learn: MLflow has no ONNX form of a pipeline by itself."""
    return Setup(
        "mlflow's own server",
        f"mlflow models serve {pinned('mlflow', 'mlflow')}, one worker, v1 on scikit-learn",
        _start,
    )


@contextmanager
def _start() -> Iterator[Running]:
    state = STATE / "mlflow"
    state.mkdir(parents=True, exist_ok=True)
    own = {**environ("mlflow", "sklearn", state), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with Processes(state / "log") as processes:
        model = state / "model"
        _save(model, own)
        port = free_port()
        serve = [program("mlflow", "mlflow"), "models", "serve", "--model-uri", str(model)]
        pid = processes.start(
            [*serve, "--port", str(port), "--env-manager", "local", "--workers", "1"], own
        )
        processes.wait_for(f"http://127.0.0.1:{port}/ping")
        yield Running(
            f"http://127.0.0.1:{port}/invocations", split_bodies(), lambda: resident_mb(tree(pid))
        )


def _save(model: Path, own: dict[str, str]) -> None:
    """Save v1 as MLflow's model, once; what was begun and not ended is saved again."""
    if (model / "MLmodel").exists():
        return

    shutil.rmtree(model, ignore_errors=True)
    saver = [program("mlflow", "python"), str(ROOT / "benchmarks" / "peers" / "mlflow_model.py")]
    command = [*saver, str(bundle("v1") / "model.pkl"), str(model)]
    done = subprocess.run(
        command, env={**os.environ, **own}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"MLflow could not save the model: {done.stderr.strip()[-500:]}")
