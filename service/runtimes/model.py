"""The interface of both runtimes: columns in, one prediction a row out."""

from typing import Any, Protocol

from service.rows import Columns, row_count, take_rows

Predictions = list[Any]


class Model(Protocol):
    """A loaded version."""

    name: str

    def predict(self, columns: Columns) -> Predictions:
        """One prediction a row: a class, a number, or a list of such.

        Of a version with several outputs it is a dictionary of these by the outputs' names.
        """


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
