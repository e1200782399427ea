"""Golden rows: a version proves itself by answering rows whose predictions are known."""

import math
from pathlib import Path
from typing import Any

import msgspec

from service.bundle import GOLDEN, Bundle, BundleError
from service.model import Model, RowFailures, predict_each
from service.rows import RowReader

TOLERANCE = 1e-6


class Golden(msgspec.Struct, frozen=True):
    """One row and its prediction, as served by the certified runtime."""

    row: dict[str, Any]
    prediction: Any


def read_golden(path: Path) -> list[Golden]:
    """The golden rows of a file; raises BundleError naming the line."""
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            rows.append(msgspec.json.decode(line, type=Golden))
        except msgspec.DecodeError as error:
            raise BundleError(f"{path}, line {number} is not a golden row: {error}") from error
    if not rows:
        raise BundleError(f"{path} has no golden rows: nothing would prove this version")
    return rows


def prove(bundle: Bundle, model: Model, tolerance: float | None = None) -> int:
    """Warm up with 1 and 64 rows, then compare every golden row; returns how many, or raises BundleError."""
    golden = read_golden(bundle.file(GOLDEN))
    reader = RowReader(bundle.manifest.columns)
    rows = [each.row for each in golden]
    try:
        for count in (1, 64):
            predict_each(model, reader.row_columns((rows * 64)[:count]), count)
        answers = predict_each(model, reader.row_columns(rows), len(rows))
    except (msgspec.ValidationError, RowFailures) as error:
        raise BundleError(f"{bundle.path / GOLDEN}: the model does not answer its golden rows: {error}") from error
    allowed = max(TOLERANCE, bundle.manifest.runtime.tolerance) if tolerance is None else tolerance
    for number, (each, answer) in enumerate(zip(golden, answers, strict=True), start=1):
        if not same(each.prediction, answer, allowed):
            raise BundleError(
                f"{bundle.path / GOLDEN}, line {number}: predicts {answer} where {each.prediction} was delivered"
            )
    return len(golden)


def same(expected: Any, answer: Any, tolerance: float) -> bool:
    """Equal classes, and numbers within the tolerance (relative to 1 and to their size)."""
    if isinstance(expected, list):
        pairs = (
            zip(expected, answer, strict=True) if isinstance(answer, list) and len(answer) == len(expected) else None
        )
        return pairs is not None and all(same(mine, theirs, tolerance) for mine, theirs in pairs)
    if isinstance(expected, float) or isinstance(answer, float):
        numbers = isinstance(expected, int | float) and isinstance(answer, int | float)
        return numbers and math.isclose(expected, answer, rel_tol=tolerance, abs_tol=tolerance)
    return bool(expected == answer)
