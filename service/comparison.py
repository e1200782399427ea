"""The one comparison of predictions: at delivery, at the start of a service, and by the operator's
probes.

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
    """The mean size of a regression's answers where that is below 1, else 1: what a difference is
    measured by.
    """
    sizes = [abs(each) for each in answers if isinstance(each, float) and math.isfinite(each)]
    mean = math.fsum(sizes) / len(sizes) if sizes else 0.0
    return min(1.0, max(LEAST_SCALE, mean)) if mean else 1.0


def golden_tolerance(certification: float) -> float:
    """The tolerance for golden rows of a bundle that was certified within `certification`."""
    return max(SAME_MODEL, certification)


def same(expected: Any, answer: Any, tolerance: float, scale: float = 1.0) -> bool:
    """Whether two predictions are equal by RULE; lists element by element."""
    return difference(expected, answer, scale) <= tolerance


def difference(expected: Any, answer: Any, scale: float = 1.0) -> float:
    """How far two predictions are apart: of numbers as RULE measures it, of lists the largest, else
    0 or infinity.
    """
    if isinstance(expected, list):
        if not isinstance(answer, list) or len(answer) != len(expected):
            return math.inf
        pairs = zip(expected, answer, strict=True)
        return max((difference(mine, theirs, scale) for mine, theirs in pairs), default=0.0)

    if isinstance(expected, float) or isinstance(answer, float):
        if not (isinstance(expected, int | float) and isinstance(answer, int | float)):
            return math.inf
        apart = abs(expected - answer) / max(scale, abs(expected))
        if math.isnan(apart):
            return math.inf
        return apart

    if expected == answer:
        return 0.0
    return math.inf


def measured(expected: Any, answer: Any, scale: float = 1.0) -> str:
    """What two numbers (or lists of them) differ by, in words; empty for classes."""
    absolute = _absolute(expected, answer)
    if absolute is None:
        return ""

    relative = difference(expected, answer, scale)
    if relative == absolute:
        return f"absolute difference {absolute:.2g}"

    return f"relative difference {relative:.2g}, absolute {absolute:.2g}"


def _absolute(expected: Any, answer: Any) -> float | None:
    if isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        apart = [_absolute(mine, theirs) for mine, theirs in zip(expected, answer, strict=True)]
        return max((each for each in apart if each is not None), default=None)

    numbers = isinstance(expected, int | float) and isinstance(answer, int | float)
    if not numbers or not (isinstance(expected, float) or isinstance(answer, float)):
        return None

    return float(abs(expected - answer))
