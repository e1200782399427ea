"""The pipeline on the user's own frame: what every served prediction is compared with.

A pipeline that was fitted on a list or a series of texts iterates over a frame's names and not over
its rows: which form it takes is found out here.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.recipe import Recipe
from service.bundle import FRAME, LIST, SERIES
from service.rows import Columns
from service.runtimes.json_values import listed
from service.runtimes.model import Predictions
from service.runtimes.outputs import by_row
from service.runtimes.pipeline_model import answer_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20
ROW_NUMBER = "row number"


class OwnInput:
    """A service.runtimes.model.Model whose only column is the row's number in the user's frame."""

    name = "own"

    def __init__(self, recipe: Recipe, frame: "pd.DataFrame", form: str) -> None:
        self._recipe = recipe
        self._frame, self._form = frame, form

    def predict(self, columns: Columns) -> Predictions:
        """See service.runtimes.model.Model."""
        answers = {}
        for name in self._recipe.outputs:
            rows = self._frame.iloc[columns[ROW_NUMBER]]
            method = getattr(self._recipe.pipeline, name)
            answers[name] = listed(answer_of(method, _in_form(self._form, rows)))

        return by_row(answers)

    def row_numbers(self) -> Columns:
        """All rows, as the column that this model takes."""
        return {ROW_NUMBER: np.arange(len(self._frame))}


def input_form(recipe: Recipe) -> str:
    """The input that gives one prediction a row: frame, or else series or list.

    Raises DeliveryError where none does.
    """
    frame = recipe.held_out
    forms = (FRAME, SERIES, LIST) if len(frame.columns) == 1 else (FRAME,)
    # More rows than columns, so that a prediction a column is not taken for a prediction a row.
    count = len(frame.columns) + 1
    wrong_count = None
    for row in range(min(len(frame), ROWS_TRIED)):
        same_rows = frame.iloc[[row] * count]
        for form in forms:
            predictions = _prediction_count(recipe, _in_form(form, same_rows))
            if predictions == count:
                return form
            if predictions is not None:
                wrong_count = predictions

    if wrong_count is None:
        # It fails on all of them, which the later checks report.
        return FRAME

    because = "a step drops or repeats rows, which no version may"
    if wrong_count == len(frame.columns):
        because = (
            "one that was fitted on texts takes one column of texts, so leave no other in the "
            "held-out rows"
        )

    raise DeliveryError(
        f"the pipeline gives {wrong_count} predictions for {count} rows, and each row needs one: "
        f"{because}"
    )


def _prediction_count(recipe: Recipe, rows: Any) -> int | None:
    """How many predictions the pipeline gives, None where it fails."""
    try:
        return len(answer_of(getattr(recipe.pipeline, recipe.outputs[0]), rows))
    except Exception:  # noqa: BLE001 (a pipeline may raise anything)
        return None


def _in_form(form: str, frame: "pd.DataFrame") -> Any:
    if form == FRAME:
        return frame

    series = frame.iloc[:, 0]
    if form == SERIES:
        return series

    return series.tolist()
