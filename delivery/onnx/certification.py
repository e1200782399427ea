"""Certifies an ONNX form where it answers every row as the pipeline does.

All held-out rows and all probe rows are predicted through the service's own code. It is certified
only where all values differ by at most the tolerance, the classes are equal, and the same rows
fail. Only a row with a number far beyond those of training may fail in the ONNX form alone, whose
numbers may end earlier: it gets no wrong answer.
"""

import math
import warnings
from collections.abc import Sequence

from delivery.onnx.comparison import RuntimeComparison, compare
from delivery.proof.expected_answers import ExpectedAnswers
from service.bundle import Comparison, Runtime
from service.comparison import Scale
from service.runtimes.model import Model


def certify(
    onnx: Model, expected: ExpectedAnswers, outputs: Sequence[str], rule: Comparison
) -> Runtime:
    """Compare every held-out row, then the probe rows; returns the certified runtime with why."""
    tolerance = rule.certification
    held_out = compare(expected.held_out, onnx, outputs, rule.scale)
    reason = _objection(held_out, tolerance)
    probed, probe_count = held_out, 0
    if not reason and expected.probes.rows:
        probe_count = expected.probes.rows
        probed = _compare_probes(onnx, expected, outputs, rule.scale)
        probe = "" if probed.worst is None else expected.what[probed.worst]
        reason = _objection(probed, tolerance, probe)

    worst = held_out if held_out.difference >= probed.difference else probed
    rows = expected.held_out.rows
    return Runtime(
        certified="sklearn" if reason else "onnx",
        reason=reason or _equal(rows, probe_count, worst, tolerance),
        max_difference=worst.difference if worst.difference < math.inf else None,
        rows_compared=rows,
        probe_rows=probe_count,
        tolerance=tolerance,
        classes_equal=held_out.classes_equal and probed.classes_equal,
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


def _compare_probes(
    onnx: Model, expected: ExpectedAnswers, outputs: Sequence[str], scale: Scale
) -> RuntimeComparison:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return compare(expected.probes, onnx, outputs, scale, expected.far)


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
