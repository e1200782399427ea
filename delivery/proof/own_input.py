"""The pipeline on the user's own frame: what every served answer is held against.

A pipeline that was fitted on a list or a series of texts iterates over a frame's names and not over
its rows: which form it takes is found out here."""

from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.recipe import Recipe
from service.bundle import FRAME, LIST, SERIES
from service.model import Predictions, answer_of, listed
from service.rows import Columns

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20
PLACE = "place"


class OwnInput:
    """A model (see service.model.Model) of which the only column is the place of a row in the
    user's own frame.
    """

    name = "own"

    def __init__(self, recipe: Recipe, frame: "pd.DataFrame", form: str) -> None:
        self._predict = getattr(recipe.pipeline, recipe.output)
        self._frame, self._form = frame, form

    def predict(self, columns: Columns) -> Predictions:
        """One prediction a row."""
        rows = self._frame.iloc[columns[PLACE]]
        return listed(answer_of(self._predict, _as(self._form, rows)))

    def places(self) -> Columns:
        """All rows, as the columns that this model takes."""
        return {PLACE: np.arange(len(self._frame))}


def input_form(recipe: Recipe) -> str:
    """frame, or where only that gives one answer a row: series or list. Raises DeliveryError where
    none does.
    """
    frame = recipe.held_out
    forms = (FRAME, SERIES, LIST) if len(frame.columns) == 1 else (FRAME,)
    # One more than there are columns, so that an answer a column is not taken for an answer a row.
    count = len(frame.columns) + 1
    wrong = None
    for place in range(min(len(frame), ROWS_TRIED)):
        same_rows = frame.iloc[[place] * count]
        for form in forms:
            answers = _answers(recipe, _as(form, same_rows))
            if answers == count:
                return form
            wrong = wrong if answers is None else answers

    if wrong is None:
        # It fails on all of them: what follows says how.
        return FRAME

    because = "a step drops or repeats rows, which no version may"
    if wrong == len(frame.columns):
        because = (
            "one that was fitted on texts takes one column of texts, so leave no other in the "
            "held-out rows"
        )

    raise DeliveryError(
        f"the pipeline gives {wrong} predictions for {count} rows, and each row needs one: "
        f"{because}"
    )


def _answers(recipe: Recipe, rows: Any) -> int | None:
    """How many predictions the pipeline gives, None where it fails."""
    try:
        return len(answer_of(getattr(recipe.pipeline, recipe.output), rows))
    except Exception:  # noqa: BLE001 (a pipeline may raise anything)
        return None


def _as(form: str, frame: "pd.DataFrame") -> Any:
    if form == FRAME:
        return frame
    series = frame.iloc[:, 0]
    if form == SERIES:
        return series
    return series.tolist()
