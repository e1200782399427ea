"""The ONNX form of a pipeline, and the proof that it predicts the same.

The whole pipeline is converted, then every held-out row is predicted by both through the service's own code. It is
certified only where all values differ by at most the tolerance, the classes are equal, and the same rows fail.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from delivery.errors import first_line
from delivery.recipe import Recipe
from service.bundle import Column, Runtime
from service.model import Model, RowFailures, predict_each
from service.rows import Columns, RowReader

CHUNK = 4096


@dataclass(frozen=True)
class Compared:
    """What both runtimes said of all held-out rows."""

    rows: int
    difference: float
    classes_equal: bool
    failures_equal: bool


def convert(recipe: Recipe, columns: list[Column], path: Path) -> str | None:
    """Write the ONNX form; returns None, or the converter's reason why there is none."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    types = {"float": FloatTensorType, "int": Int64TensorType, "bool": BooleanTensorType, "string": StringTensorType}
    if any(column.dtype == "string" and column.nullable for column in columns):
        return "a string column holds nulls, which ONNX has no form for"
    inputs = [(c.name, (FloatTensorType if c.nullable else types[c.dtype])([None, 1])) for c in columns]
    options = {id(recipe.pipeline): {"zipmap": False}} if hasattr(recipe.pipeline, "predict_proba") else None
    try:
        model = to_onnx(recipe.pipeline, initial_types=inputs, options=options)
    except Exception as error:  # noqa: BLE001 (a converter may raise anything; the reason goes into the manifest)
        return f"it does not convert: {first_line(error)}"
    path.write_bytes(model.SerializeToString())
    return None


def certify(pipeline: Model, onnx: Model, columns: Columns, rows: int, recipe: Recipe, tolerance: float) -> Runtime:
    """Compare on every row and say which runtime is certified, and why."""
    compared = compare(pipeline, onnx, columns, rows, recipe.output)
    reason = _objection(compared, tolerance)
    return Runtime(
        certified="sklearn" if reason else "onnx",
        reason=reason or f"equal on {rows} held-out rows within {tolerance:g}",
        max_abs_difference=compared.difference if np.isfinite(compared.difference) else None,
        rows_compared=rows,
        tolerance=tolerance,
        classes_equal=compared.classes_equal,
    )


def not_converted(reason: str, tolerance: float) -> Runtime:
    """The runtime of a pipeline that has no ONNX form."""
    return Runtime(
        certified="sklearn",
        reason=reason,
        max_abs_difference=None,
        rows_compared=0,
        tolerance=tolerance,
        classes_equal=None,
    )


def compare(pipeline: Model, onnx: Model, columns: Columns, rows: int, output: str) -> Compared:
    """Both runtimes on all rows, in chunks as large as batches get."""
    difference, classes, failures = 0.0, True, True
    for start in range(0, rows, CHUNK):
        part = {name: array[start : start + CHUNK] for name, array in columns.items()}
        count = min(CHUNK, rows - start)
        mine, my_failures = answers(pipeline, part, count)
        theirs, their_failures = answers(onnx, part, count)
        failures &= set(my_failures) == set(their_failures)
        both = [i for i in range(count) if i not in my_failures and i not in their_failures]
        far, same = _distance([mine[i] for i in both], [theirs[i] for i in both], output)
        difference, classes = max(difference, far), classes and same
    return Compared(rows, difference, classes, failures)


def answers(model: Model, columns: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    """Predictions, and the failures by place."""
    try:
        return predict_each(model, columns, rows), {}
    except RowFailures as failed:
        return failed.predictions, failed.failures


def _distance(mine: list[Any], theirs: list[Any], output: str) -> tuple[float, bool]:
    """Largest difference of the values, and whether the classes are equal."""
    if not mine:
        return 0.0, True
    if output == "predict" and not isinstance(mine[0], float):
        return 0.0, mine == theirs
    left, right = np.asarray(mine, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if left.shape != right.shape:
        return float("inf"), False
    far = np.abs(left - right)
    far = np.where(np.isnan(far), np.inf, far)
    if output == "predict":
        far = far / np.maximum(1.0, np.abs(left))
        return float(far.max()), True
    return float(far.max()), bool((left.argmax(axis=1) == right.argmax(axis=1)).all())


def _objection(compared: Compared, tolerance: float) -> str:
    if not compared.failures_equal:
        return "other rows fail in its ONNX form than in the pipeline"
    if not compared.classes_equal:
        return "some held-out rows get another class in its ONNX form"
    if compared.difference > tolerance:
        return f"its ONNX form differs by {compared.difference:.3g}, more than {tolerance:g} allows"
    return ""


def held_out_columns(rows: list[dict[str, Any]], columns: list[Column]) -> Columns:
    """The held-out rows as the service would see them; raises msgspec.ValidationError."""
    return RowReader(columns).row_columns(rows)
