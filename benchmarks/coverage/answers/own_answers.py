"""What a pipeline itself answers on a frame of a user's own, without any code of the service."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.coverage.answers.adversarial_rows import Row
from delivery.recipe import Recipe

# Rows that are predicted together where all of them together fail.
FEW = 250


class OwnAnswers:
    """The fitted pipeline of a recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self._pipeline = recipe.pipeline
        self._predict = getattr(recipe.pipeline, recipe.output)
        frame = recipe.held_out if recipe.training is None else recipe.training
        self._dtypes = frame.dtypes
        self._together = 1 if recipe.one_row_at_a_time else FEW

    def answers(self, rows: list[Row]) -> list[Any]:
        """A plain value or list for each row, None where the pipeline fails on it."""
        answers: list[Any] = []
        for start in range(0, len(rows), self._together):
            answers += self._of_some(rows[start : start + self._together])

        return answers

    def sizes(self, rows: list[Row]) -> np.ndarray | None:
        """Numbers that tell how answers differ, one line a row.

        Probabilities, values or scores; None where the pipeline has none of them or fails.
        """
        try:
            sizes = np.asarray(self._scored(rows), dtype=np.float64)
        except (ValueError, TypeError, AttributeError):
            return None

        return sizes.reshape(len(rows), -1)

    def _scored(self, rows: list[Row]) -> Any:
        scores = self._predict
        if scores.__name__ == "predict" and hasattr(self._pipeline, "decision_function"):
            scores = self._pipeline.decision_function

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = np.asarray(scores(self._frame(rows)))

        if answers.dtype.kind != "f":
            raise TypeError("classes have no size")

        return answers

    def _of_some(self, rows: list[Row]) -> list[Any]:
        try:
            return self._predicted(rows)
        except Exception:  # noqa: BLE001 (a pipeline may raise anything on a row)
            if len(rows) == 1:
                return [None]

            middle = len(rows) // 2
            return self._of_some(rows[:middle]) + self._of_some(rows[middle:])

    def _predicted(self, rows: list[Row]) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = np.asarray(self._predict(self._frame(rows)))

        if answers.dtype.kind == "f" and not np.isfinite(answers).all():
            raise ValueError("it answers what is no number")

        return list(answers.tolist())

    def _frame(self, rows: list[Row]) -> pd.DataFrame:
        """The rows as the frame that the pipeline was fitted on holds them."""
        columns = {}
        for name, dtype in self._dtypes.items():
            values = [row[str(name)] for row in rows]
            columns[name] = _series(values, dtype)

        return pd.DataFrame(columns)


def _series(values: list[Any], dtype: Any) -> pd.Series:
    """Values in the dtype of training; of categories with those that training had not."""
    if isinstance(dtype, pd.CategoricalDtype):
        levels = [*dtype.categories, *values]
        known = [level for level in dict.fromkeys(levels) if level is not None]
        dtype = pd.CategoricalDtype(known, dtype.ordered)

    return pd.Series(values, dtype=dtype)
