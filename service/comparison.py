"""Compares predictions: at delivery, at the start of a service, and in the operator's probes.

Standard library alone, so that delivery, service and deployment share it.
"""

import math
from collections.abc import Sequence
from typing import Any

RULE = (
    "classes are equal; a number differs by at most the tolerance, times the size of the expected "
    "number or the scale, whichever is larger"
)
# Of answers that the same model gives for the same rows in another batch, process or machine.
SAME_MODEL = 1e-6
# Answers below it may be nothing but what rounding leaves of 0.
LEAST_SCALE = 1e-12


def scale_of(answers: Sequence[Any]) -> float:
    """The scale of differences: the mean size of a regression's answers where below 1, else 1."""
    sizes = [abs(answer) for answer in answers if _is_finite_float(answer)]
    if not sizes:
        return 1.0

    mean = math.fsum(sizes) / len(sizes)
    if mean == 0:
        return 1.0

    return min(1.0, max(LEAST_SCALE, mean))


def _is_finite_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def golden_tolerance(certification: float) -> float:
    """The tolerance for golden rows of a bundle that was certified within `certification`."""
    return max(SAME_MODEL, certification)


def same(expected: Any, answer: Any, tolerance: float, scale: float = 1.0) -> bool:
    """Whether two predictions are equal by RULE; lists element by element."""
    return difference(expected, answer, scale) <= tolerance


def difference(expected: Any, answer: Any, scale: float = 1.0) -> float:
    """How much two predictions differ: numbers as RULE measures it, classes by 0 or infinity.

    Of lists it is the largest difference.
    """
    if isinstance(expected, list):
        return _difference_of_lists(expected, answer, scale)

    if isinstance(expected, float) or isinstance(answer, float):
        if not (isinstance(expected, int | float) and isinstance(answer, int | float)):
            return math.inf

        size = abs(expected - answer) / max(scale, abs(expected))
        if math.isnan(size):
            return math.inf

        return size

    if expected == answer:
        return 0.0

    return math.inf


def _difference_of_lists(expected: list[Any], answer: Any, scale: float) -> float:
    if not isinstance(answer, list) or len(answer) != len(expected):
        return math.inf

    largest = 0.0
    for expected_value, value in zip(expected, answer, strict=True):
        largest = max(largest, difference(expected_value, value, scale))

    return largest


def measured(expected: Any, answer: Any, scale: float = 1.0) -> str:
    """The difference of two numbers, or of lists of them, in words; empty for classes."""
    absolute = _absolute(expected, answer)
    if absolute is None:
        return ""

    relative = difference(expected, answer, scale)
    if relative == absolute:
        return f"absolute difference {absolute:.2g}"

    return f"relative difference {relative:.2g}, absolute {absolute:.2g}"


def _absolute(expected: Any, answer: Any) -> float | None:
    if isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        sizes = list(map(_absolute, expected, answer))
        return max((size for size in sizes if size is not None), default=None)

    numbers = isinstance(expected, int | float) and isinstance(answer, int | float)
    if not numbers or not (isinstance(expected, float) or isinstance(answer, float)):
        return None

    return float(abs(expected - answer))
