"""Compares predictions: at delivery, at the start of a service, and in the operator's probes.

Standard library alone, so that delivery, service and deployment share it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RULE = (
    "classes are equal; a number differs by at most the tolerance, times the size of the expected "
    "number or the scale, whichever is larger"
)
# Of answers that the same model gives for the same rows in another batch, process or machine.
SAME_MODEL = 1e-6
# Answers below it may be nothing but what rounding leaves of 0.
LEAST_SCALE = 1e-12
# Of all numbers of an answer, or one for each position of a list or each name of several outputs.
Scale = float | list[Any] | dict[str, Any]


def joined(output: str, prediction: Any, others: Mapping[str, Any]) -> Any:
    """A row's answer as it is compared: the prediction, or with others all of them by name.

    output: the name of the prediction.
    """
    if others:
        return {output: prediction, **others}

    return prediction


def row_answers(body: Mapping[str, Any], output: str) -> list[Any]:
    """Each row's answer in the body of an answer to /predict, as it is compared.

    output: the name of the first one. Raises KeyError, TypeError or ValueError where the body is
    none, or its outputs have different numbers of rows.
    """
    others = body.get("outputs") or {}
    if not others:
        return list(body["predictions"])

    rows = zip(body["predictions"], *others.values(), strict=True)
    return [joined(output, row[0], dict(zip(others, row[1:], strict=True))) for row in rows]


def scale_of(answers: Sequence[Any]) -> Scale:
    """The scale of differences: the mean size of a number where below 1, else 1.

    Of lists one for each position, where these differ.
    """
    lists = [answer for answer in answers if isinstance(answer, list)]
    if not lists:
        return _scale_of_numbers(answers)

    scales = [scale_of(position) for position in zip(*lists, strict=False)]
    if all(scale == 1.0 for scale in scales):
        return 1.0

    return scales


def _scale_of_numbers(answers: Sequence[Any]) -> float:
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


def same(expected: Any, answer: Any, tolerance: float, scale: Scale = 1.0) -> bool:
    """Whether two predictions are equal by RULE; lists element by element."""
    return difference(expected, answer, scale) <= tolerance


def difference(expected: Any, answer: Any, scale: Scale = 1.0) -> float:
    """How much two predictions differ: numbers as RULE measures it, classes by 0 or infinity.

    Of lists, and of several outputs, it is the largest difference.
    """
    if isinstance(expected, list | dict):
        parts = _parts(expected, answer, scale)
        if parts is None:
            return math.inf

        return max((difference(*part) for part in parts), default=0.0)

    if isinstance(expected, float) or isinstance(answer, float):
        if not (isinstance(expected, int | float) and isinstance(answer, int | float)):
            return math.inf

        least = scale if isinstance(scale, int | float) else 1.0
        size = abs(expected - answer) / max(least, abs(expected))
        if math.isnan(size):
            return math.inf

        return size

    if expected == answer:
        return 0.0

    return math.inf


def _parts(
    expected: list[Any] | dict[str, Any], answer: Any, scale: Scale
) -> list[tuple[Any, Any, Scale]] | None:
    """The values of two lists, or of two answers by name, in pairs with their scales.

    None where one has other positions or names than the other.
    """
    if _positions(expected) != _positions(answer):
        return None

    parts = []
    for position in _positions(expected):
        parts.append((expected[position], answer[position], _at(scale, position)))

    return parts


def _positions(answer: Any) -> list[Any]:
    """The positions of a list, the names of several outputs; of all else a mark of none."""
    if isinstance(answer, list):
        return list(range(len(answer)))

    if isinstance(answer, dict):
        return sorted(answer)

    return [None]


def _at(scale: Any, position: Any) -> Any:
    if isinstance(scale, list | dict):
        return scale[position]

    return scale


def measured(expected: Any, answer: Any, scale: Scale = 1.0) -> str:
    """The difference of two numbers, or of lists of them, in words; empty for classes."""
    absolute = _absolute(expected, answer)
    if absolute is None:
        return ""

    relative = difference(expected, answer, scale)
    if relative == absolute:
        return f"absolute difference {absolute:.2g}"

    return f"relative difference {relative:.2g}, absolute {absolute:.2g}"


def _absolute(expected: Any, answer: Any) -> float | None:
    if isinstance(expected, list | dict):
        return _largest(_absolute(*part[:2]) for part in _parts(expected, answer, 1.0) or ())

    numbers = isinstance(expected, int | float) and isinstance(answer, int | float)
    if not numbers or not (isinstance(expected, float) or isinstance(answer, float)):
        return None

    return float(abs(expected - answer))


def _largest(sizes: Iterable[float | None]) -> float | None:
    return max((size for size in sizes if size is not None), default=None)
