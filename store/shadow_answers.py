"""Answers that no user got, of a shadow or of the other version of a pair, stored until their
labels come: a label is of the answer that the user got, and only with the other answer to the same
row does it show which of the two was better.

Those of the newest rollout alone, and the first MOST of them; later answers of that rollout miss
only this comparison, not the rest of the verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import part_engine, statements, transaction
from store.feedback import require_integer
from store.ledger import require_text
from store.schema import COPIES, EVIDENCE_PART

MOST = 100_000
AT_ONCE = 500
_LAST_REVISION = 2**31 - 1


@dataclass(frozen=True)
class ShadowAnswer:
    """What a version answered to a row whose user got another version's answer.

    prediction_id: of the answer that the user got; score: the last class's probability or the value
    (None: none); predicted_class: empty where there are no classes."""

    prediction_id: str
    score: float | None
    predicted_class: str


class ShadowAnswerStore:
    """The stored answers of one model. LedgerStore.create makes its table. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it
    can."""

    def __init__(self, engine: Engine, model: str, most: int = MOST) -> None:
        self._engine = part_engine(engine, EVIDENCE_PART)
        self.model, self.most = model, most
        insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        self._insert = insert(COPIES).on_conflict_do_nothing(
            index_elements=list(COPIES.primary_key)
        )

    def keep(self, rollout: int, answers: Sequence[ShadowAnswer]) -> bool:
        """Store answers of a rollout, as far as there is room, and delete those of earlier ones;
        False where there is room for no more.

        rollout: the revision that it began with.
        """
        require_integer("rollout", rollout, 0, _LAST_REVISION)
        rows = [self._row(rollout, index, answer) for index, answer in enumerate(answers)]
        of_model, of_rollout = COPIES.c.model == self.model, COPIES.c.rollout == rollout
        with transaction(self._engine) as connection:
            connection.execute(delete(COPIES).where(of_model, COPIES.c.rollout < rollout))
            stored = connection.scalar(select(func.count()).where(of_model, of_rollout))
            room = max(0, self.most - int(stored or 0))
            kept = rows[:room]
            if kept:
                connection.execute(self._insert, sorted(kept, key=lambda row: row["prediction"]))

        return len(kept) < room

    def of(self, prediction_ids: Sequence[str]) -> dict[str, ShadowAnswer]:
        """The stored answers to the requests of these predictions, by prediction id."""
        by_digest = {_digest(prediction_id): prediction_id for prediction_id in prediction_ids}
        answers: dict[str, ShadowAnswer] = {}
        with statements(self._engine) as connection:
            for part in _parts(sorted(by_digest)):
                columns = (COPIES.c.prediction, COPIES.c.score, COPIES.c.predicted_class)
                query = select(*columns).where(
                    COPIES.c.model == self.model, COPIES.c.prediction.in_(part)
                )
                for digest, score, name in connection.execute(query):
                    answers[by_digest[digest]] = ShadowAnswer(by_digest[digest], score, name)

        return answers

    def _row(self, rollout: int, index: int, answer: ShadowAnswer) -> dict[str, Any]:
        require_text("predicted_class", answer.predicted_class, index)
        return {
            "model": self.model,
            "prediction": _digest(answer.prediction_id),
            "rollout": rollout,
            "score": answer.score,
            "predicted_class": answer.predicted_class,
        }


def _digest(prediction_id: str) -> str:
    """A prediction id is long, and is only looked up here."""
    return blake2b(prediction_id.encode(), digest_size=16).hexdigest()


def _parts(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    """SQLite takes a limited number of values in one statement."""
    for start in range(0, len(digests), AT_ONCE):
        yield digests[start : start + AT_ONCE]
