"""Refuses a pipeline that gives a row anything but one value, one class or its probabilities."""

import math
from typing import Any

from delivery.errors import DeliveryError
from service.rows import Columns
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.model import Model

# Of 32-bit probabilities the sums are one only to seven digits; some classifiers round theirs.
SUM_TOLERANCE = 1e-3


def all_predictions(model: Model, columns: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    """Predictions of all rows, None where one fails, and the failures by row.

    The search for the rows that fail takes as long as it needs.
    """
    try:
        return predict_each(model, columns, rows, clock=lambda: 0.0), {}
    except RowFailures as failed:
        return failed.predictions, failed.failures


def is_whole_text(text: str) -> bool:
    """Whether JSON can hold a text; one read with a wrong encoding may have half a character."""
    return text == text.encode("utf-8", "replace").decode()


def require_one_answer_a_row(
    predictions: list[Any], failures: dict[int, str], output: str, classes: list[Any] | None
) -> None:
    """Check the predictions of all rows that did not fail; raises DeliveryError naming the row."""
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
            f"version answers one value or class: fit it on a target of one dimension (y.ravel(), "
            f"or one pipeline a target)"
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
            f"{row}, and a version answers a finite number, a text or a boolean: convert it in the "
            f"pipeline's last step"
        )


def _require_probabilities(row: int, prediction: Any, classes: list[Any]) -> None:
    if not _is_list_of_floats(prediction) or len(prediction) != len(classes):
        raise DeliveryError(
            f"predict_proba gives {str(prediction)[:80]} in held-out row {row}, and "
            f"{len(classes)} classes need {len(classes)} probabilities: serve one pipeline a "
            f"label, or output='predict'"
        )

    if abs(sum(prediction) - 1) > SUM_TOLERANCE:
        raise DeliveryError(
            f"the probabilities of held-out row {row} add up to {sum(prediction):.3g}, as they do "
            f"where a row may have several labels, and a version answers one class a row: fit one "
            f"pipeline a label"
        )


def _is_list_of_floats(prediction: Any) -> bool:
    return isinstance(prediction, list) and all(isinstance(value, float) for value in prediction)
