"""The flights' two runtimes as a peer's service loads them; imported in the peers' environments, so
it needs no Sluice.

RELEASES names the folder of the delivered versions, RUNTIME is `sklearn` or `onnx`.
"""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Rows = Sequence[dict[str, Any]]
Predict = Callable[[Rows], np.ndarray]
V2_SHARE = 0.1
KINDS = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(string)": np.object_,
}


def load(version: str) -> Predict:
    """A delivered version on the runtime that RUNTIME names: rows in, an array (rows, classes)
    out.
    """
    folder = Path(os.environ["RELEASES"]) / version
    return (
        onnx_rows(folder / "model.onnx")
        if os.environ["RUNTIME"] == "onnx"
        else pipeline(folder / "model.pkl")
    )


def weighted() -> Predict:
    """Both versions as one: each row is answered by v1 or v2, 90/10 by chance."""
    versions = [load("v1"), load("v2")]

    def predict(rows: Rows) -> np.ndarray:
        answers = np.empty((len(rows), 2))
        chosen = np.array([random.random() < V2_SHARE for _ in rows], dtype=int)
        for number in set(chosen):
            places = np.flatnonzero(chosen == number)
            answers[places] = versions[number]([rows[index] for index in places])

        return answers

    return predict


def pipeline(path: Path) -> Predict:
    """The pickled pipeline, on one pandas frame a batch."""
    import joblib
    import pandas as pd

    loaded = joblib.load(path)
    return lambda rows: loaded.predict_proba(pd.DataFrame(list(rows)))


def onnx_rows(path: Path) -> Predict:
    """The ONNX form, on one column a name."""
    names, run = onnx(path)
    return lambda rows: run({name: [row[name] for row in rows] for name in names})


def onnx(path: Path) -> tuple[list[str], Callable[[dict[str, list[Any]]], np.ndarray]]:
    """The ONNX form on one thread: its columns' names, and columns in, an array (rows, classes)
    out.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kinds = {column.name: KINDS[column.type] for column in session.get_inputs()}
    output = [session.get_outputs()[-1].name]

    def run(columns: dict[str, list[Any]]) -> np.ndarray:
        feed = {
            name: np.array(columns[name], dtype=kind).reshape(-1, 1) for name, kind in kinds.items()
        }
        return session.run(output, feed)[0]

    return list(kinds), run
