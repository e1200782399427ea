"""The interface of both runtimes: columns in, one prediction a row out."""

from typing import Any, Protocol

import numpy as np

from service.rows import Columns, row_count, take_rows

Predictions = list[Any]
Answer = dict[str, np.ndarray]
"""What a model answers, by output: an array with a row for each row."""


class Model(Protocol):
    """A loaded version."""

    name: str

    def predict(self, columns: Columns) -> Predictions:
        """One prediction a row: a class, a number, or a list of such.

        Of a version with several outputs it is a dictionary of these by the outputs' names.
        """


class ArrayModel(Model, Protocol):
    """A model that answers in arrays too."""

    def answer(self, columns: Columns) -> Answer:
        """The same as arrays; they may hold what `predict` refuses, NaN for example."""


class RowByRow:
    """Predicts each row alone, for a model that depends on the other rows of a batch."""

    def __init__(self, model: Model) -> None:
        self.name, self.model = model.name, model

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        predictions: Predictions = []
        for row in range(row_count(columns)):
            predictions += self.model.predict(take_rows(columns, slice(row, row + 1)))

        return predictions


class ArraysRowByRow(RowByRow):
    """The same in arrays."""

    def __init__(self, model: ArrayModel) -> None:
        super().__init__(model)
        self._answer = model.answer

    def answer(self, columns: Columns) -> Answer:
        """See ArrayModel; there is at least one row."""
        rows = range(row_count(columns))
        alone = [self._answer(take_rows(columns, slice(row, row + 1))) for row in rows]
        return {name: np.concatenate([answer[name] for answer in alone]) for name in alone[0]}
