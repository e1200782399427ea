"""The same flights by each prediction route: path, headers and bodies, one flight a request."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from benchmarks.processes import STATE
from benchmarks.wrk_load import flights, write_bodies
from examples.flights.data import COUNTS, NAMES, instances

INFER = "/v2/models/flights/infer"
ARROW = "application/vnd.apache.arrow.stream"
# JSON before binary data is filled up with blanks, so that one header says its length.
JSON_BYTES = 2_048
COUNT_OF_BODIES = 2_000
Row = dict[str, Any]


@dataclass(frozen=True)
class PredictionRoute:
    """One route. predictions: the probabilities in a decoded answer."""

    path: str
    bodies: Path
    predictions: Callable[[Any], Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def prediction_routes() -> dict[str, PredictionRoute]:
    """All of them, by name; writes their bodies where they are missing."""
    binary = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(JSON_BYTES),
    }
    return {
        "predict": PredictionRoute("/predict", write_bodies(STATE / "bodies.jsonl"), _predictions),
        "oip": PredictionRoute(INFER, _written("bodies-oip-v2.jsonl", _oip), _tensor),
        "oip binary": PredictionRoute(INFER, _written("bodies-oip.hex", _binary), _tensor, binary),
        "mlflow split": PredictionRoute("/invocations", split_bodies(), _predictions),
        "mlflow records": PredictionRoute(
            "/invocations", _written("bodies-records.jsonl", _records), _predictions
        ),
        "arrow": PredictionRoute(
            "/predict", _written("bodies-arrow.hex", _arrow), _predictions, {"Content-Type": ARROW}
        ),
    }


def split_bodies() -> Path:
    """MLflow's `dataframe_split`."""
    return _written("bodies-split.jsonl", _split)


def _predictions(answer: Any) -> Any:
    return answer["predictions"]


def _tensor(answer: Any) -> Any:
    return answer["outputs"][0]["data"]


def _written(name: str, body: Callable[[Row], str]) -> Path:
    path = STATE / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = instances(flights(COUNT_OF_BODIES))
        path.write_text("\n".join(map(body, rows)) + "\n")

    return path


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _datatype(name: str) -> str:
    if name in NAMES:
        return "BYTES"
    return "INT64" if name in COUNTS else "FP64"


def _oip(row: Row) -> str:
    return _json(
        {
            "inputs": [
                {"name": name, "shape": [1, 1], "datatype": _datatype(name), "data": [value]}
                for name, value in row.items()
            ]
        }
    )


def _binary(row: Row) -> str:
    parts = [_packed(name, value) for name, value in row.items()]
    inputs = [
        {
            "name": name,
            "shape": [1, 1],
            "datatype": _datatype(name),
            "parameters": {"binary_data_size": len(part)},
        }
        for name, part in zip(row, parts, strict=True)
    ]
    head = msgspec.json.encode({"inputs": inputs}).ljust(JSON_BYTES)
    return (head + b"".join(parts)).hex()


def _packed(name: str, value: Any) -> bytes:
    if name in NAMES:
        text = value.encode()
        return np.uint32(len(text)).tobytes() + text
    return np.array([value], "<i8" if name in COUNTS else "<f8").tobytes()


def _split(row: Row) -> str:
    return _json({"dataframe_split": {"columns": list(row), "data": [list(row.values())]}})


def _records(row: Row) -> str:
    return _json({"dataframe_records": [row]})


def _arrow(row: Row) -> str:
    table = pa.table({name: [value] for name, value in row.items()})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    return sink.getvalue().hex()
