"""nginx `split_clients` before two MLServers, a version each, in the server's own process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.bundles import bundle
from benchmarks.setups.environments import environ, pinned, program
from benchmarks.setups.setup import SHARES, Running, Setup
from benchmarks.wrk_load import flights
from examples.flights.data import COUNTS, NAMES, instances

INFER = "/v2/models/flights/infer"
# A custom runtime for ONNX: MLServer has none.
RUNTIMES = {
    "sklearn": ("mlserver_sklearn.SKLearnModel", "model.pkl"),
    "onnx": ("benchmarks.peers.mlserver_app.OnnxModel", "model.onnx"),
}
# Its ONNX model is faster without: a row costs less than the batching does.
BATCHING = {"sklearn": {"max_batch_size": 64, "max_batch_time": 0.01}, "onnx": {}}


def setups() -> list[Setup]:
    """With scikit-learn and with ONNX Runtime."""
    about = (
        f"nginx split_clients 90/10 -> 2 x MLServer {pinned('mlserver', 'mlserver')}, no parallel "
        f"workers, "
    )
    batching = {"sklearn": "batches up to 64 within 10 ms, ", "onnx": "no batching (faster), "}
    return [
        Setup(f"mlserver {runtime}", about + batching[runtime] + runtime, partial(_start, runtime))
        for runtime in RUNTIMES
    ]


@contextmanager
def _start(runtime: str) -> Iterator[Running]:
    state = STATE / f"mlserver-{runtime}"
    with Processes(state / "log") as processes:
        ports = {version: free_port() for version in SHARES}
        pids = [
            _server(processes, state / version, version, runtime, port)
            for version, port in ports.items()
        ]
        for port in ports.values():
            processes.wait_for(f"http://127.0.0.1:{port}/v2/models/flights/ready")
        port = free_port()
        upstreams = {
            version: (f"127.0.0.1:{descendant}", SHARES[version])
            for version, descendant in ports.items()
        }
        pids.append(processes.start(nginx.split(state, port, upstreams)))
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/v2/health/ready")
        bodies = _bodies(STATE / "bodies-oip.jsonl")
        yield Running(
            url + INFER,
            bodies,
            lambda: resident_mb([descendant for pid in pids for descendant in tree(pid)]),
            predictions=lambda answer: answer["outputs"][0]["data"],
        )


def _server(processes: Processes, folder: Path, version: str, runtime: str, port: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    implementation, file = RUNTIMES[runtime]
    parameters = {
        "uri": str(bundle(version) / file),
        "content_type": "pd",
        "extra": {"predict_fn": "predict_proba"},
    }
    model = {
        "name": "flights",
        "implementation": implementation,
        "parameters": parameters,
        **BATCHING[runtime],
    }
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    server = {
        "host": "127.0.0.1",
        **ports,
        "parallel_workers": 0,
        "debug": False,
        "metrics_dir": str(folder),
    }
    (folder / "settings.json").write_text(json.dumps(server, indent=1))
    (folder / "model-settings.json").write_text(json.dumps(model, indent=1))
    return processes.start(
        [program("mlserver", "mlserver"), "start", str(folder)],
        environ("mlserver", runtime, folder),
    )


def _bodies(path: Path) -> Path:
    if not path.exists():
        path.write_text("\n".join(_body(row) for row in instances(flights())) + "\n")
    return path


def _body(row: dict[str, Any]) -> str:
    return msgspec.json.encode(
        {"inputs": [_input(name, value) for name, value in row.items()]}
    ).decode()


def _input(name: str, value: Any) -> dict[str, Any]:
    datatype = "BYTES" if name in NAMES else "INT64" if name in COUNTS else "FP64"
    parameters = {"parameters": {"content_type": "str"}} if name in NAMES else {}
    return {"name": name, "shape": [1, 1], "datatype": datatype, "data": [value], **parameters}
