"""Converts a pipeline to ONNX and proves that both forms predict the same.

The whole pipeline is converted, then every held-out row and every probe row is predicted by both
through the service's own code. It is certified only where all values differ by at most the
tolerance, the classes are equal, and the same rows fail. Only a row with a number far beyond those
of training may fail in the ONNX form alone, whose numbers end at 3.4e38: it gets no wrong answer.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from delivery.errors import first_line
from delivery.proof.output_checks import all_predictions
from delivery.proof.probe_rows import Probes
from delivery.recipe import Recipe
from service.bundle import Column, Comparison, Runtime
from service.comparison import difference, measured
from service.rows import Columns, RowReader, take_rows
from service.runtimes.model import Model

CHUNK = 4096
WITHOUT_FORM = ("date", "time", "period", "decimal", "bytes", "array")


@dataclass(frozen=True)
class RuntimeComparison:
    """What both runtimes predicted of some rows.

    worst: number of the row with the largest difference, else of the first fault.
    measured: that difference in words.
    """

    rows: int
    difference: float
    classes_equal: bool
    failures_equal: bool
    worst: int | None = None
    measured: str = ""

    @property
    def is_faultless(self) -> bool:
        """Whether the same rows failed and all classes are equal."""
        return self.failures_equal and self.classes_equal


def convert(recipe: Recipe, columns: list[Column], path: Path) -> str | None:
    """Write the ONNX form; returns None, or the converter's reason why there is none."""
    from skl2onnx import to_onnx

    if any(column.dtype == "string" and column.nullable for column in columns):
        return "a string column holds nulls, which ONNX has no form for"

    for column in columns:
        if column.dtype in WITHOUT_FORM:
            return f"column {column.name!r} is of kind {column.dtype}, which ONNX has no form for"

    options = None
    if hasattr(recipe.pipeline, "predict_proba"):
        options = {id(recipe.pipeline): {"zipmap": False}}

    try:
        model = to_onnx(recipe.pipeline, initial_types=_onnx_inputs(columns), options=options)
    # A converter may raise anything; the reason goes into the manifest.
    except Exception as error:  # noqa: BLE001
        return f"it does not convert: {first_line(error)}"

    path.write_bytes(model.SerializeToString())
    return None


def _onnx_inputs(columns: list[Column]) -> list[tuple[str, Any]]:
    """Names and types of the inputs, one column each; a nullable number is a float."""
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
    inputs = []
    for column in columns:
        # Their count of units, which a pipeline that uses them does not take: it drops them.
        if column.dtype in ("datetime", "duration"):
            inputs.append((column.name, Int64TensorType([None, 1])))
            continue

        tensor_type = FloatTensorType if column.nullable else types[column.dtype]
        inputs.append((column.name, tensor_type([None, 1])))

    return inputs


def certify(
    pipeline: Model,
    onnx: Model,
    columns: Columns,
    rows: int,
    recipe: Recipe,
    rule: Comparison,
    probes: Probes | None = None,
) -> Runtime:
    """Compare every held-out row, then the probe rows; returns the certified runtime with why."""
    tolerance = rule.certification
    held_out = compare(pipeline, onnx, columns, rows, recipe.output, rule.scale)
    reason = _objection(held_out, tolerance)
    probed, probe_count = held_out, 0
    if not reason and probes is not None and probes.what:
        probe_count = len(probes.what)
        probed = _compare_probes(pipeline, onnx, probes, recipe.output, rule.scale)
        probe = "" if probed.worst is None else probes.what[probed.worst]
        reason = _objection(probed, tolerance, probe)

    worst = held_out if held_out.difference >= probed.difference else probed
    return Runtime(
        certified="sklearn" if reason else "onnx",
        reason=reason or _equal(rows, probe_count, worst, tolerance),
        max_difference=worst.difference if worst.difference < math.inf else None,
        rows_compared=rows,
        probe_rows=probe_count,
        tolerance=tolerance,
        classes_equal=held_out.classes_equal and probed.classes_equal,
    )


def _compare_probes(
    pipeline: Model, onnx: Model, probes: Probes, output: str, scale: float
) -> RuntimeComparison:
    with warnings.catch_warnings():
        # Numbers far beyond those of training overflow, and nobody sent them.
        warnings.simplefilter("ignore", RuntimeWarning)
        rows = len(probes.what)
        return compare(pipeline, onnx, probes.columns, rows, output, scale, probes.far)


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
) -> RuntimeComparison:
    """Compare both runtimes on all rows, in chunks as large as batches get.

    may_fail: of each row whether it may fail in the ONNX form alone; empty: of none.
    """
    total = RuntimeComparison(0, 0.0, True, True)
    for start in range(0, rows, CHUNK):
        size = min(CHUNK, rows - start)
        chunk = take_rows(columns, slice(start, start + CHUNK))
        spared = set(compress(range(size), may_fail[start : start + CHUNK]))
        compared = _compare_chunk(pipeline, onnx, chunk, size, output, scale, spared)
        total = _worse(total, compared, start)

    return total


def _compare_chunk(
    pipeline: Model,
    onnx: Model,
    columns: Columns,
    rows: int,
    output: str,
    scale: float,
    spared: set[int],
) -> RuntimeComparison:
    """spared: rows that may fail in the ONNX form alone."""
    expected, pipeline_failures = all_predictions(pipeline, columns, rows)
    actual, onnx_failures = all_predictions(onnx, columns, rows)
    only_in_onnx = onnx_failures.keys() - pipeline_failures.keys() - spared
    only_in_pipeline = pipeline_failures.keys() - onnx_failures.keys()
    if only_in_onnx or only_in_pipeline:
        first = min(only_in_onnx | only_in_pipeline)
        return RuntimeComparison(rows, 0.0, True, False, first)

    failed = pipeline_failures.keys() | onnx_failures.keys()
    predicted = [row for row in range(rows) if row not in failed]
    for row in predicted:
        if not _same_class(expected[row], actual[row], output):
            return RuntimeComparison(rows, 0.0, False, True, row)

    if not predicted:
        return RuntimeComparison(rows, 0.0, True, True)

    differences = {row: difference(expected[row], actual[row], scale) for row in predicted}
    worst = max(predicted, key=differences.__getitem__)
    in_words = measured(expected[worst], actual[worst], scale)
    return RuntimeComparison(rows, differences[worst], True, True, worst, in_words)


def _worse(total: RuntimeComparison, chunk: RuntimeComparison, start: int) -> RuntimeComparison:
    """The comparison of all rows so far with those of a chunk, which begins at row `start`."""
    worst_so_far = total
    if total.is_faultless and (not chunk.is_faultless or chunk.difference > total.difference):
        row = None if chunk.worst is None else chunk.worst + start
        worst_so_far = replace(chunk, worst=row)

    return replace(
        worst_so_far,
        rows=total.rows + chunk.rows,
        classes_equal=total.classes_equal and chunk.classes_equal,
        failures_equal=total.failures_equal and chunk.failures_equal,
    )


def _same_class(expected: Any, actual: Any, output: str) -> bool:
    """Whether two predictions name the same class; of probabilities the largest counts.

    However little the next is smaller: the largest is what a caller takes.
    """
    if output != "predict_proba":
        return isinstance(expected, float) or bool(expected == actual)

    if not isinstance(expected, list) or not isinstance(actual, list):
        return False

    same_length = len(expected) == len(actual)
    return same_length and expected.index(max(expected)) == actual.index(max(actual))


def _objection(compared: RuntimeComparison, tolerance: float, probe: str = "") -> str:
    """Why the ONNX form is not certified, empty where it is. probe: what the worst row probes."""
    where = f" ({probe})" if probe else ""
    rows = "probe" if probe else "held-out"
    if not compared.failures_equal:
        return f"other rows fail in its ONNX form than in the pipeline{where}"

    if not compared.classes_equal:
        return f"some {rows} rows get another class in its ONNX form{where}"

    if compared.difference > tolerance:
        size = compared.measured or f"{compared.difference:.3g}"
        return f"its ONNX form differs by more than {tolerance:g} allows: {size}{where}"

    return ""


def _equal(rows: int, probe_count: int, worst: RuntimeComparison, tolerance: float) -> str:
    probes = f" and {probe_count} probe" if probe_count else ""
    largest = f", largest {worst.measured}" if worst.measured else ""
    return f"equal on {rows} held-out{probes} rows{largest}; {tolerance:g} is allowed"


def held_out_columns(rows: list[dict[str, Any]], columns: list[Column]) -> Columns:
    """The held-out rows as the service would see them; raises msgspec.ValidationError."""
    return RowReader(columns).row_columns(rows)
