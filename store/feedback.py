"""Late labels: each prediction counts once, however often its label is sent.

Anybody may send them, so they are stored apart from the ledger, in short transactions, and at most
MOST of them: the oldest are deleted, but never those that bet in a rollout which may still be
judged, since a deleted one could be sent again."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Float,
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import part_engine, statements, transaction
from store.errors import StoreFull, Unstorable
from store.ledger import require_text
from store.schema import FEEDBACK, LABELS_PART

WHOLE = 10_000
"""Basis points of all traffic."""
MOST = 1_000_000
"""Labels of one model that are kept: some 300 MB."""
AT_ONCE = 250
LOOK_EVERY = 1_000
NEWEST = 2_000
LOOKED_AT = 8_000
"""Labels of all versions among which the newest ones of one version are looked for."""
LEVELS = 16
"""Losses are kept in sixteenths of their bound."""
_LAST_REVISION = 2**31 - 1
_NUMBER = r"^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$"


@dataclass(frozen=True)
class Feedback:
    """The label of one prediction.

    `predicted` is the score of the positive class or the predicted value (None where there is
    none); `label` the truth as text; `outcome` a word such as `right` or `wrong`; `at` when the
    label came. `rollout` is the revision at which the rollout began that routed it (0: none),
    `weight` the candidate's basis points then (0 where another version was asked the same, so that
    it counts by both answers alone), `bets` whether it may count for or against that rollout,
    `level` its loss in sixteenths of the loss's bound (0 to 16, None: it has none); `copied` the
    loss of the other version's answer to the same request."""

    prediction_id: str
    version: str
    predicted: float | None
    predicted_class: str | None
    label: str
    outcome: str
    at: datetime
    rollout: int = 0
    weight: int = 0
    bets: bool = False
    level: int | None = None
    copied: int | None = None


@dataclass(frozen=True)
class LabelledPrediction:
    """A prediction and its truth, as in Feedback."""

    predicted_class: str | None
    predicted: float | None
    label: str


class FeedbackStore:
    """The feedback of one model. LedgerStore.create makes its table. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it
    can."""

    def __init__(self, engine: Engine, model: str, most: int = MOST) -> None:
        self._engine = part_engine(engine, LABELS_PART)
        self.model, self.most = model, most
        self._of_model = FEEDBACK.c.model == model
        self._unlooked = LOOK_EVERY
        dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(FEEDBACK).on_conflict_do_nothing(index_elements=["prediction_id"])
        self._insert = insert.returning(FEEDBACK.c.prediction_id)

    def add(self, feedback: Sequence[Feedback], kept: Collection[int] = ()) -> list[bool]:
        """Count each prediction that was not counted before; False where it was, also earlier in
        this list.

        AT_ONCE of them are one transaction, so of a longer list some may stand when
        StoreUnavailable is raised: sent again they are not counted again. kept: the rollouts whose
        bets are never deleted. Raises Unstorable, with the index, for a row that cannot be
        recorded, and then counts none; StoreFull where nothing may be deleted to make room."""
        rows: dict[str, dict[str, Any]] = {}
        is_first = []
        for index, label in enumerate(feedback):
            row = self._row(index, label)
            is_first.append(label.prediction_id not in rows)
            rows.setdefault(label.prediction_id, row)

        # In one order in every process, so that two overlapping lists cannot deadlock.
        ordered = [rows[prediction_id] for prediction_id in sorted(rows)]
        counted: set[str] = set()
        for start in range(0, len(ordered), AT_ONCE):
            counted |= self._counted(ordered[start : start + AT_ONCE], kept)

        answers = []
        for label, first in zip(feedback, is_first, strict=True):
            answers.append(first and label.prediction_id in counted)

        return answers

    def any(self) -> bool:
        """Whether a label ever came."""
        query = select(FEEDBACK.c.prediction_id).where(FEEDBACK.c.model == self.model).limit(1)
        with statements(self._engine) as connection:
            return connection.scalar(query) is not None

    def outcomes(self) -> list[tuple[str, str, int]]:
        """Return (version, outcome, count) of the labels that are kept, in that order; the database
        counts.
        """
        columns = (FEEDBACK.c.version, FEEDBACK.c.outcome)
        query = (
            select(*columns, func.count())
            .where(self._of_model)
            .group_by(*columns)
            .order_by(*columns)
        )
        with statements(self._engine) as connection:
            return list(map(tuple, connection.execute(query)))

    def errors(self) -> list[tuple[str, float]]:
        """Return (version, mean absolute error) of predicted values, in that order; the database
        counts.
        """
        truth: ColumnElement[float | None] = cast(FEEDBACK.c.label, Float(53))
        if self._engine.dialect.name == "postgresql":
            # A label of a database of before may be any text, which PostgreSQL would stumble over.
            truth = case((FEEDBACK.c.label.regexp_match(_NUMBER), truth), else_=None)

        error = func.avg(func.abs(FEEDBACK.c.predicted - truth))
        scored = (self._of_model, FEEDBACK.c.outcome == "scored")
        query = select(FEEDBACK.c.version, error).where(*scored).group_by(FEEDBACK.c.version)
        with statements(self._engine) as connection:
            rows = connection.execute(query.order_by(FEEDBACK.c.version))
            return [(row[0], float(row[1])) for row in rows if row[1] is not None]

    def levels(self, rollout: int) -> list[tuple[str, int, int, int]]:
        """Return (version, weight, level, count) of the rows of a rollout that bet and have a
        level, in that order.

        The database counts: as many rows come back as there are different ones, not as there are
        labels."""
        columns = (FEEDBACK.c.version, FEEDBACK.c.weight, FEEDBACK.c.level)
        # Written out and not bound: an index with a condition serves only a query that shows the
        # same one.
        bets = FEEDBACK.c.bets == literal_column("1")
        judged = (
            FEEDBACK.c.model == self.model,
            FEEDBACK.c.rollout == rollout,
            bets,
            FEEDBACK.c.level.is_not(None),
        )
        query = select(*columns, func.count()).where(*judged).group_by(*columns).order_by(*columns)
        with statements(self._engine) as connection:
            return list(map(tuple, connection.execute(query)))

    def first(self, rollout: int, most: int) -> list[tuple[str, int, int, int]]:
        """Return the same of the first labels that came for drawn requests, at most so many of
        them.
        """
        columns = (FEEDBACK.c.version, FEEDBACK.c.weight, FEEDBACK.c.level)
        drawn = (
            FEEDBACK.c.model == self.model,
            FEEDBACK.c.rollout == rollout,
            FEEDBACK.c.bets == literal_column("1"),
            FEEDBACK.c.level.is_not(None),
            FEEDBACK.c.weight.between(1, WHOLE - 1),
        )
        # Labels of one call have one time; ids are as good as drawn by lot.
        order = (FEEDBACK.c.at, FEEDBACK.c.prediction_id)
        query = select(*columns).where(*drawn).order_by(*order).limit(most)
        with statements(self._engine) as connection:
            counts = Counter(map(tuple, connection.execute(query)))

        return [(*which, count) for which, count in sorted(counts.items())]

    def pairs(self, rollout: int, candidate: str, stable: str) -> list[tuple[int, int, int]]:
        """Return (candidate's level, stable version's level, count) of the rows of a rollout that
        both answered; the user may have got either answer.
        """
        columns = (FEEDBACK.c.version, FEEDBACK.c.level, FEEDBACK.c.copied)
        paired = (
            FEEDBACK.c.model == self.model,
            FEEDBACK.c.rollout == rollout,
            FEEDBACK.c.copied.is_not(None),
            FEEDBACK.c.level.is_not(None),
        )
        query = select(*columns, func.count()).where(*paired).group_by(*columns)
        counts: Counter[tuple[int, int]] = Counter()
        with statements(self._engine) as connection:
            for version, level, copied, count in connection.execute(query):
                if version == candidate:
                    counts[level, copied] += count
                elif version == stable:
                    counts[copied, level] += count

        return [(*levels, count) for levels, count in sorted(counts.items())]

    def before(self, rollout: int, version: str) -> list[LabelledPrediction]:
        """The newest labels of a version whose predictions were made before that rollout began, at
        most NEWEST.

        Only among the newest LOOKED_AT labels of all versions: it is asked each second until
        something is frozen."""
        columns = (FEEDBACK.c.predicted_class, FEEDBACK.c.predicted, FEEDBACK.c.label)
        which = (FEEDBACK.c.version, FEEDBACK.c.rollout, FEEDBACK.c.bets, FEEDBACK.c.at)
        looked_at = select(*columns, *which).where(self._of_model)
        newest = looked_at.order_by(FEEDBACK.c.at.desc()).limit(LOOKED_AT).subquery().c
        earlier = (newest.version == version, newest.rollout < rollout, newest.bets == 1)
        query = select(newest.predicted_class, newest.predicted, newest.label).where(*earlier)
        with statements(self._engine) as connection:
            rows = connection.execute(query.order_by(newest.at.desc()).limit(NEWEST))
            return [LabelledPrediction(*row) for row in rows]

    def _counted(self, rows: list[dict[str, Any]], kept: Collection[int]) -> set[str]:
        self._unlooked += len(rows)
        if self._unlooked >= LOOK_EVERY:
            self._make_room(len(rows), kept)
            self._unlooked = 0

        with transaction(self._engine) as connection:
            return set(connection.scalars(self._insert, rows))

    def _make_room(self, rows: int, kept: Collection[int]) -> None:
        """Delete the oldest labels where there are too many, some at a time."""
        with statements(self._engine) as connection:
            stored = connection.scalar(select(func.count()).where(self._of_model)) or 0

        if stored + rows <= self.most:
            return

        # More than is needed now, so that the next few labels find room.
        surplus = stored + rows - self.most + self.most // 20
        bets = (FEEDBACK.c.bets == 1) & FEEDBACK.c.rollout.in_(sorted(kept))
        oldest = (
            select(FEEDBACK.c.prediction_id).where(self._of_model, ~bets).order_by(FEEDBACK.c.at)
        )
        while surplus > 0:
            part = oldest.limit(min(surplus, AT_ONCE))
            with transaction(self._engine) as connection:
                gone = connection.execute(
                    delete(FEEDBACK).where(FEEDBACK.c.prediction_id.in_(part))
                ).rowcount
            if not gone:
                break
            surplus -= gone
            stored -= gone

        if stored + rows > self.most:
            raise StoreFull(
                f"{stored} labels of the rollout in progress are kept and no more are: it can be "
                f"decided by these"
            )

    def _row(self, index: int, row: Feedback) -> dict[str, Any]:
        """The columns as they are stored; a score that is no number is stored as none, as SQLite
        would anyway.
        """
        for field in ("prediction_id", "version", "label", "outcome"):
            require_text(field, getattr(row, field), index)

        if row.predicted_class is not None:
            require_text("predicted_class", row.predicted_class, index)

        if row.at.tzinfo is None:
            raise Unstorable("at", "has no time zone; give a time in UTC", index)

        _require_bet(index, row)
        predicted = None
        if row.predicted is not None and math.isfinite(row.predicted):
            predicted = float(row.predicted)

        stamp = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        stored = {"model": self.model, "predicted": predicted, "at": stamp, "bets": int(row.bets)}
        return {**asdict(row), **stored}


def require_integer(field: str, value: Any, low: int, high: int, index: int | None = None) -> None:
    """Raise Unstorable unless this is one of Python's own whole numbers from `low` to `high`, both
    included.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unstorable(field, f"is {type(value).__name__}, not a whole number", index)
    if not low <= value <= high:
        raise Unstorable(field, f"is {value}; it goes from {low} to {high}", index)


def _require_bet(index: int, row: Feedback) -> None:
    require_integer("rollout", row.rollout, 0, _LAST_REVISION, index)
    require_integer("weight", row.weight, 0, WHOLE, index)
    if not isinstance(row.bets, bool):
        raise Unstorable("bets", f"is {type(row.bets).__name__}, not true or false", index)

    for field, level in (("level", row.level), ("copied", row.copied)):
        if level is not None:
            require_integer(field, level, 0, LEVELS, index)
