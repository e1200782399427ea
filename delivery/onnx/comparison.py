"""Compares an ONNX form with the pipeline, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from delivery.proof.expected_answers import CHUNK, PipelineAnswers
from delivery.proof.output_checks import all_predictions
from service.comparison import Scale, difference, measured
from service.runtimes.model import Model
from service.runtimes.outputs import DECISION, PREDICT, PROBABILITIES, decided_at


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


def compare(
    expected: PipelineAnswers,
    onnx: Model,
    outputs: Sequence[str],
    scale: Scale = 1.0,
    may_fail: Sequence[bool] = (),
) -> RuntimeComparison:
    """Compare an ONNX form with the pipeline on all rows, in chunks as large as batches get.

    may_fail: of each row whether it may fail in the ONNX form alone; empty: of none.
    """
    total = RuntimeComparison(0, 0.0, True, True)
    for number, chunk in enumerate(expected.parts(CHUNK)):
        start = number * CHUNK
        spared = set(compress(range(chunk.rows), may_fail[start : start + CHUNK]))
        total = _worse(total, _compare_chunk(chunk, onnx, outputs, scale, spared), start)

    return total


def _compare_chunk(
    chunk: PipelineAnswers,
    onnx: Model,
    outputs: Sequence[str],
    scale: Scale,
    spared: set[int],
) -> RuntimeComparison:
    """spared: rows that may fail in the ONNX form alone."""
    expected, rows = chunk.predictions, chunk.rows
    actual, onnx_failures = all_predictions(onnx, chunk.columns, rows)
    only_in_onnx = onnx_failures.keys() - chunk.failed - spared
    only_in_pipeline = chunk.failed - onnx_failures.keys()
    if only_in_onnx or only_in_pipeline:
        first = min(only_in_onnx | only_in_pipeline)
        return RuntimeComparison(rows, 0.0, True, False, first)

    failed = chunk.failed | onnx_failures.keys()
    predicted = [row for row in range(rows) if row not in failed]
    for row in predicted:
        if not same_classes(expected[row], actual[row], outputs):
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


def same_classes(expected: Any, actual: Any, outputs: Sequence[str]) -> bool:
    """Whether all outputs of two answers name the same classes."""
    if len(outputs) == 1:
        return _same_class(expected, actual, outputs[0])

    return all(_same_class(expected[name], actual[name], name) for name in outputs)


def _same_class(expected: Any, actual: Any, output: str) -> bool:
    """Whether two predictions name the same class; of probabilities the largest counts.

    However little the next is smaller: the largest is what a caller takes. Of decision_function
    the signs count too.
    """
    if output == PREDICT:
        return _same_values(expected, actual)

    if output == PROBABILITIES:
        return _same_largest(expected, actual)

    if output == DECISION:
        return _same_decision(expected, actual)

    return True


def _same_values(expected: Any, actual: Any) -> bool:
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(_same_values, expected, actual))

    return isinstance(expected, float) or bool(expected == actual)


def _same_largest(expected: Any, actual: Any) -> bool:
    """Whether the largest stands at the same position; of several targets for each of them."""
    if not isinstance(expected, list) or not isinstance(actual, list):
        return False

    if len(expected) != len(actual):
        return False

    if isinstance(expected[0], list):
        return all(map(_same_largest, expected, actual))

    return expected.index(max(expected)) == actual.index(max(actual))


def _same_decision(expected: Any, actual: Any) -> bool:
    if not isinstance(expected, list) or not isinstance(actual, list):
        return isinstance(actual, float) and decided_at(expected) == decided_at(actual)

    signs_equal = list(map(decided_at, expected)) == list(map(decided_at, actual))
    return signs_equal and _same_largest(expected, actual)
