"""Golden rows: a version proves itself by answering rows whose predictions are known."""

from pathlib import Path
from typing import Any

import msgspec

from service.bundle import Bundle, BundleError, Output
from service.bundle_files import GOLDEN
from service.comparison import joined, measured, same
from service.rows import RowReader
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.model import Model


class Golden(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row and its prediction, as served by the certified runtime.

    outputs: what it gets of further outputs, by name.
    """

    row: dict[str, Any]
    prediction: Any
    outputs: dict[str, Any] = {}

    def answer(self, output: str) -> Any:
        """The row's answer as it is compared. output: the name of the prediction."""
        return joined(output, self.prediction, self.outputs)


def golden_of(row: dict[str, Any], outputs: list[Output], answer: Any) -> Golden:
    """A golden row of a model's answer for it."""
    if len(outputs) == 1:
        return Golden(row, answer)

    others = {output.name: answer[output.name] for output in outputs[1:]}
    return Golden(row, answer[outputs[0].name], others)


def read_golden(raw: bytes, path: Path) -> list[Golden]:
    """The golden rows of a file's bytes; raises BundleError naming the line."""
    rows = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            rows.append(msgspec.json.decode(line, type=Golden))
        except msgspec.DecodeError as error:
            raise BundleError(f"{path}, line {number} is not a golden row: {error}") from error

    if not rows:
        raise BundleError(f"{path} has no golden rows: nothing would prove this version")

    return rows


def prove(bundle: Bundle, model: Model, tolerance: float | None = None) -> int:
    """Warm up with 1 and 64 rows, then compare every golden row; returns how many there are.

    tolerance: None for the one that the manifest names. Raises BundleError.
    """
    path = bundle.path / GOLDEN
    golden = read_golden(bundle.read(GOLDEN), path)
    reader = RowReader(bundle.manifest.columns)
    rows = [golden_row.row for golden_row in golden]
    try:
        for count in (1, 64):
            predict_each(model, reader.row_columns((rows * 64)[:count]), count)

        predictions = predict_each(model, reader.row_columns(rows), len(rows))
    except (msgspec.ValidationError, RowFailures) as error:
        raise BundleError(f"{path}: the model does not answer its golden rows: {error}") from error

    rule = bundle.manifest.comparison
    if tolerance is None:
        tolerance = rule.golden

    for line, (golden_row, prediction) in enumerate(zip(golden, predictions, strict=True), start=1):
        expected = golden_row.answer(bundle.manifest.output)
        if not same(expected, prediction, tolerance, rule.scale):
            size = measured(expected, prediction, rule.scale)
            limits = f" ({size}; {tolerance:g} is allowed)" if size else ""
            raise BundleError(
                f"{path}, line {line}: predicts {prediction} where {expected} was delivered{limits}"
            )

    return len(golden)
