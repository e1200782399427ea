"""Late labels: each prediction counts once, however often its label is sent."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import statements, transaction
from store.errors import Unstorable
from store.ledger import require_text
from store.schema import FEEDBACK


@dataclass(frozen=True)
class Feedback:
    """What became of one prediction.

    `predicted` is the score of the positive class or the predicted value (None where there is none);
    `label` the truth as text; `outcome` a word such as `right` or `wrong`; `at` when the label came.
    """

    prediction_id: str
    version: str
    predicted: float | None
    predicted_class: str | None
    label: str
    outcome: str
    at: datetime


class FeedbackStore:
    """The feedback of one model. Its table is made by LedgerStore.create. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it can.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = engine
        self.model = model
        dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(FEEDBACK).on_conflict_do_nothing(index_elements=["prediction_id"])
        self._insert = insert.returning(FEEDBACK.c.prediction_id)

    def add(self, feedback: Sequence[Feedback]) -> list[bool]:
        """Count each prediction that was not counted before; False where it was, also earlier in this list.

        All or nothing: one transaction. Raises Unstorable, with the index, for a row that cannot be recorded.
        """
        first = {row.prediction_id: index for index, row in reversed(list(enumerate(feedback)))}
        rows = [self._row(index, row) for index, row in enumerate(feedback)]
        # In one order in every process, so that two overlapping lists cannot deadlock.
        wanted = sorted((rows[index] for index in first.values()), key=lambda row: row["prediction_id"])
        counted = self._counted(wanted) if wanted else set()
        return [
            row.prediction_id in counted and first[row.prediction_id] == index for index, row in enumerate(feedback)
        ]

    def scores(self) -> list[tuple[str, float | None, str, str]]:
        """Return (version, predicted, label, outcome) of every counted prediction of this model."""
        columns = (FEEDBACK.c.version, FEEDBACK.c.predicted, FEEDBACK.c.label, FEEDBACK.c.outcome)
        query = select(*columns).where(FEEDBACK.c.model == self.model).order_by(FEEDBACK.c.at)
        with statements(self._engine) as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]

    def _counted(self, rows: list[dict[str, Any]]) -> set[str]:
        with transaction(self._engine) as connection:
            return set(connection.scalars(self._insert, rows))

    def _row(self, index: int, row: Feedback) -> dict[str, Any]:
        """The columns as they are stored; a score that is no number is stored as none, as SQLite would anyway."""
        for field in ("prediction_id", "version", "label", "outcome"):
            require_text(field, getattr(row, field), index)
        if row.predicted_class is not None:
            require_text("predicted_class", row.predicted_class, index)
        if row.at.tzinfo is None:
            raise Unstorable("at", "has no time zone; give a time in UTC", index)
        finite = row.predicted is not None and math.isfinite(row.predicted)
        predicted = float(row.predicted) if finite and row.predicted is not None else None
        stamp = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        return {**asdict(row), "model": self.model, "predicted": predicted, "at": stamp}
