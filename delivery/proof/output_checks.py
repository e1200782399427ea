"""What a pipeline answers a row: one value or class, or one probability a class. Nothing else is
served.
"""

import math
from typing import Any

from delivery.errors import DeliveryError
from service.model import Model, RowFailures, predict_each
from service.rows import Columns

# Of 32-bit probabilities the sums are one only to seven digits; some classifiers round theirs.
SUM_TOLERANCE = 1e-3


def every_answer(model: Model, columns: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    """Predictions (None where a row fails), and the failures by place, however long it takes to
    find them all.
    """
    try:
        return predict_each(model, columns, rows, clock=lambda: 0.0), {}
    except RowFailures as failed:
        return failed.predictions, failed.failures


def is_whole_text(text: str) -> bool:
    """Whether JSON can hold it; a text read with a wrong encoding may have half a character."""
    return text == text.encode("utf-8", "replace").decode()


def require_one_answer_a_row(
    predictions: list[Any], failures: dict[int, str], output: str, classes: list[Any] | None
) -> None:
    """Look at the predictions of all rows that did not fail; raises DeliveryError naming the first
    row at fault.
    """
    for row, prediction in enumerate(predictions):
        if row in failures:
            continue
        if output == "predict_proba":
            _require_probabilities(row, prediction, classes or [])
        else:
            _require_value(row, prediction)


def _require_value(row: int, prediction: Any) -> None:
    if isinstance(prediction, list):
        raise DeliveryError(
            f"the pipeline gives a list of {len(prediction)} a row (held-out row {row}), and a "
            f"version answers one "
            "value or class: fit it on a target of one dimension (y.ravel(), or one pipeline a "
            "target)"
        )

    if isinstance(prediction, str) and not is_whole_text(prediction):
        raise DeliveryError(
            f"the pipeline gives {prediction!r} in held-out row {row}, which has half a character "
            f"and JSON cannot hold: answer whole texts"
        )

    plain = isinstance(prediction, (bool, int, float, str))
    if not plain or (isinstance(prediction, float) and not math.isfinite(prediction)):
        raise DeliveryError(
            f"the pipeline gives {prediction!r} ({type(prediction).__name__}) in held-out row "
            f"{row}, and a version "
            "answers a finite number, a text or a boolean: convert it in the pipeline's last step"
        )


def _require_probabilities(row: int, prediction: Any, classes: list[Any]) -> None:
    listed = isinstance(prediction, list)
    if (
        not listed
        or len(prediction) != len(classes)
        or not all(isinstance(each, float) for each in prediction)
    ):
        raise DeliveryError(
            f"predict_proba gives {str(prediction)[:80]} in held-out row {row}, and "
            f"{len(classes)} classes need "
            f"{len(classes)} probabilities: serve one pipeline a label, or output='predict'"
        )

    if abs(sum(prediction) - 1) > SUM_TOLERANCE:
        raise DeliveryError(
            f"the probabilities of held-out row {row} add up to {sum(prediction):.3g}, as they do "
            f"where a row may have "
            "several labels, and a version answers one class a row: fit one pipeline a label"
        )
