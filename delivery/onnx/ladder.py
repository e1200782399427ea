"""Tries one form after the other until one is certified.

Conversion and comparison each run in a child process with a limit of time and memory. Why a form
was refused is kept for the manifest.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from delivery.errors import first_line
from delivery.onnx.certification import certify, not_converted
from delivery.onnx.limited_process import LimitExceeded, ProcessLimits, run_limited
from delivery.proof.expected_answers import ExpectedAnswers
from delivery.recipe import Recipe
from delivery.request import Report
from service.bundle import Column, Comparison, Runtime
from service.runtimes.model import Model

CONVERSION = ProcessLimits(seconds=180.0, megabytes=2048)
COMPARISON = ProcessLimits(seconds=300.0, megabytes=2048)
COMPARISON_ROW_S = 0.01
# A graph that is larger is read and checked at every start of a version.
MOST_GRAPH_MB = 256
LONGEST_REASON = 300


@dataclass(frozen=True)
class ConversionJob:
    """What is converted and how it is proved.

    load: the model of the draft's own ONNX file, as the service will load it.
    """

    recipe: Recipe
    columns: Sequence[Column]
    rule: Comparison
    expected: ExpectedAnswers
    path: Path
    load: Callable[[], Model]


def certified_form(job: ConversionJob, report: Report) -> Runtime:
    """The runtime with the first form that is certified, whose graph is at job.path.

    Else `sklearn`, with the reason of the first form that could be compared, or of the first.
    """
    _import_before_fork()
    from delivery.onnx.forms import FORMS

    refused: dict[str, Runtime] = {}
    for form in FORMS:
        runtime = _tried(job, form, report)
        if runtime.certified == "onnx":
            return _with_forms(runtime, form.name, refused)

        refused[form.name] = runtime

    compared = [runtime for runtime in refused.values() if runtime.rows_compared]
    (best, *_) = [*compared, *refused.values()]
    return _with_forms(best, None, refused)


def _tried(job: ConversionJob, form: Any, report: Report) -> Runtime:
    """What one form comes to."""
    tolerance = job.rule.certification
    report(f"ONNX form {form.name}: converting")
    reason = _convert(job, form, report)
    if reason:
        return not_converted(reason, tolerance)

    report(f"ONNX form {form.name}: comparing {job.expected.rows} rows")
    seconds = COMPARISON.seconds + COMPARISON_ROW_S * job.expected.rows
    limits = ProcessLimits(seconds, COMPARISON.megabytes)
    try:
        runtime: Runtime = run_limited(partial(_compare, job), limits, _still(report, "comparing"))
    except LimitExceeded as error:
        return not_converted(f"comparing its ONNX form does not end: {error}", tolerance)

    return runtime


def _convert(job: ConversionJob, form: Any, report: Report) -> str:
    """Write the graph; returns why there is none, empty where there is."""
    job.path.unlink(missing_ok=True)
    task = partial(_write_graph, job, form)
    try:
        size: int = run_limited(task, CONVERSION, _still(report, "converting"))
    except LimitExceeded as error:
        return f"its conversion does not end: {error}"
    # A converter may raise anything; the reason goes into the manifest.
    except Exception as error:  # noqa: BLE001
        return f"it does not convert: {_reason(error)}"

    if size > MOST_GRAPH_MB * 2**20:
        return f"its ONNX form has {size / 2**20:.0f} MB, and {MOST_GRAPH_MB} MB are allowed"

    return ""


def _write_graph(job: ConversionJob, form: Any) -> int:
    """In the child process: convert; returns the graph's size in bytes."""
    return job.path.write_bytes(form.convert(job.recipe, job.columns))


def _compare(job: ConversionJob) -> Runtime:
    """In the child process: load the graph and compare it."""
    try:
        onnx = job.load()
    except Exception as error:  # noqa: BLE001 (ONNX Runtime's errors have no common root)
        reason = f"its ONNX form does not load: {first_line(error)[:LONGEST_REASON]}"
        return not_converted(reason, job.rule.certification)

    return certify(onnx, job.expected, job.recipe.outputs, job.rule)


def _reason(error: Exception) -> str:
    from delivery.onnx.graph import NotConvertible

    text = str(error) if isinstance(error, NotConvertible) else first_line(error)
    return text[:LONGEST_REASON]


def _still(report: Report, what: str) -> Callable[[float], None]:
    return lambda seconds: report(f"still {what} after {seconds:.0f} s")


def _with_forms(runtime: Runtime, name: str | None, refused: dict[str, Runtime]) -> Runtime:
    reasons = {form: refused[form].reason for form in refused}
    return msgspec.structs.replace(runtime, form=name, refused_forms=reasons)


def _import_before_fork() -> None:
    """Import once what every child process needs; the thread of its maker is kept from starting."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: F401
    import skl2onnx  # noqa: F401
