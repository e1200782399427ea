"""The ONNX form of a pipeline, and the proof that it predicts the same.

The whole pipeline is converted, then every held-out row and every probe row is predicted by both
through the service's own code. It is certified only where all values differ by at most the
tolerance, the classes are equal, and the same rows fail. Only a row with a number far beyond those
of training may fail in the ONNX form alone, whose numbers end at 3.4e38: it gets no wrong answer.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delivery.errors import first_line
from delivery.proof.output_checks import every_answer
from delivery.proof.probe_rows import Probes
from delivery.recipe import Recipe
from service.bundle import Column, Comparison, Runtime
from service.comparison import difference, measured
from service.model import Model
from service.rows import Columns, RowReader

CHUNK = 4096


@dataclass(frozen=True)
class Compared:
    """What both runtimes said of rows. worst: place of the row with the largest difference, else of
    the first fault.
    """

    rows: int
    difference: float
    classes_equal: bool
    failures_equal: bool
    worst: int | None = None
    measured: str = ""


def convert(recipe: Recipe, columns: list[Column], path: Path) -> str | None:
    """Write the ONNX form; returns None, or the converter's reason why there is none."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    types = {
        "float": FloatTensorType,
        "int": Int64TensorType,
        "bool": BooleanTensorType,
        "string": StringTensorType,
    }
    if any(column.dtype == "string" and column.nullable for column in columns):
        return "a string column holds nulls, which ONNX has no form for"

    inputs = [
        (c.name, (FloatTensorType if c.nullable else types[c.dtype])([None, 1])) for c in columns
    ]
    options = (
        {id(recipe.pipeline): {"zipmap": False}}
        if hasattr(recipe.pipeline, "predict_proba")
        else None
    )
    try:
        model = to_onnx(recipe.pipeline, initial_types=inputs, options=options)
    # A converter may raise anything; the reason goes into the manifest.
    except Exception as error:  # noqa: BLE001
        return f"it does not convert: {first_line(error)}"

    path.write_bytes(model.SerializeToString())
    return None


def certify(
    pipeline: Model,
    onnx: Model,
    columns: Columns,
    rows: int,
    recipe: Recipe,
    rule: Comparison,
    probes: Probes | None = None,
) -> Runtime:
    """Compare on every held-out row, then on the probe rows, and say which runtime is certified,
    and why.
    """
    tolerance = rule.certification
    held_out = compare(pipeline, onnx, columns, rows, recipe.output, rule.scale)
    reason = _objection(held_out, tolerance, "")
    found, probed = held_out, 0
    if not reason and probes is not None and probes.what:
        probed = len(probes.what)
        with warnings.catch_warnings():
            # Numbers far beyond those of training overflow, and nobody sent them.
            warnings.simplefilter("ignore", RuntimeWarning)
            found = compare(
                pipeline, onnx, probes.columns, probed, recipe.output, rule.scale, probes.far
            )
        reason = _objection(
            found, tolerance, "" if found.worst is None else probes.what[found.worst]
        )

    worst = max(held_out, found, key=lambda each: each.difference)
    return Runtime(
        certified="sklearn" if reason else "onnx",
        reason=reason or _equal(rows, probed, worst, tolerance),
        max_difference=worst.difference if worst.difference < math.inf else None,
        rows_compared=rows,
        probe_rows=probed,
        tolerance=tolerance,
        classes_equal=held_out.classes_equal and found.classes_equal,
    )


def not_converted(reason: str, tolerance: float) -> Runtime:
    """The runtime of a pipeline that has no ONNX form."""
    return Runtime(
        certified="sklearn",
        reason=reason,
        max_difference=None,
        rows_compared=0,
        probe_rows=0,
        tolerance=tolerance,
        classes_equal=None,
    )


def compare(
    pipeline: Model,
    onnx: Model,
    columns: Columns,
    rows: int,
    output: str,
    scale: float = 1.0,
    may_fail: Sequence[bool] = (),
) -> Compared:
    """Both runtimes on all rows, in chunks as large as batches get. may_fail: of each row whether
    it may fail in the ONNX form alone; empty: of none.
    """
    found = Compared(0, 0.0, True, True)
    for start in range(0, rows, CHUNK):
        part = {name: array[start : start + CHUNK] for name, array in columns.items()}
        spared = {row for row, spared in enumerate(may_fail[start : start + CHUNK]) if spared}
        compared = _compared(pipeline, onnx, part, min(CHUNK, rows - start), output, scale, spared)
        found = _worse(found, compared, start)

    return found


def _compared(
    pipeline: Model,
    onnx: Model,
    columns: Columns,
    rows: int,
    output: str,
    scale: float,
    spared: set[int],
) -> Compared:
    mine, my_failures = every_answer(pipeline, columns, rows)
    theirs, their_failures = every_answer(onnx, columns, rows)
    apart_in = (set(their_failures) - set(my_failures) - spared) | (
        set(my_failures) - set(their_failures)
    )
    if apart_in:
        return Compared(rows, 0.0, True, False, min(apart_in))

    both = [row for row in range(rows) if row not in my_failures and row not in their_failures]
    other_class = next(
        (row for row in both if not _same_class(mine[row], theirs[row], output)), None
    )
    if other_class is not None:
        return Compared(rows, 0.0, False, True, other_class)

    apart = {row: difference(mine[row], theirs[row], scale) for row in both}
    worst = max(apart, key=lambda row: apart[row], default=None)
    if worst is None:
        return Compared(rows, 0.0, True, True)

    return Compared(
        rows, apart[worst], True, True, worst, measured(mine[worst], theirs[worst], scale)
    )


def _worse(found: Compared, part: Compared, start: int) -> Compared:
    """Of rows so far and of those from `start` on."""
    whole = part.failures_equal and part.classes_equal
    moved = replace(part, worst=None if part.worst is None else part.worst + start)
    worse = (
        moved
        if found.failures_equal
        and found.classes_equal
        and (not whole or part.difference > found.difference)
        else found
    )
    return replace(
        worse,
        rows=found.rows + part.rows,
        classes_equal=found.classes_equal and part.classes_equal,
        failures_equal=found.failures_equal and part.failures_equal,
    )


def _same_class(mine: Any, theirs: Any, output: str) -> bool:
    """Of probabilities the largest counts, however little the next is smaller: it is what a caller
    takes.
    """
    if output != "predict_proba":
        return isinstance(mine, float) or bool(mine == theirs)
    alike = isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs)
    return alike and mine.index(max(mine)) == theirs.index(max(theirs))


def _objection(compared: Compared, tolerance: float, probe: str) -> str:
    where = f" ({probe})" if probe else ""
    rows = "probe" if probe else "held-out"
    if not compared.failures_equal:
        return f"other rows fail in its ONNX form than in the pipeline{where}"
    if not compared.classes_equal:
        return f"some {rows} rows get another class in its ONNX form{where}"

    if compared.difference > tolerance:
        found = compared.measured or f"{compared.difference:.3g}"
        return f"its ONNX form differs by more than {tolerance:g} allows: {found}{where}"

    return ""


def _equal(rows: int, probed: int, worst: Compared, tolerance: float) -> str:
    beside = f" and {probed} probe" if probed else ""
    found = f", largest {worst.measured}" if worst.measured else ""
    return f"equal on {rows} held-out{beside} rows{found}; {tolerance:g} is allowed"


def held_out_columns(rows: list[dict[str, Any]], columns: list[Column]) -> Columns:
    """The held-out rows as the service would see them; raises msgspec.ValidationError."""
    return RowReader(columns).row_columns(rows)
