"""What router workers counted, stored so that it survives them, and what was frozen of it.

Counts are cumulative: a worker writes all it has counted since it began, not what came since it
last wrote. A row written twice is the same row, and a serial that only grows keeps a late one from
undoing a newer one. So each request counts exactly once without deltas, and a worker that does not
know whether a flush was recorded repeats it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import part_engine, statements, transaction
from store.errors import Unstorable
from store.feedback import WHOLE, require_integer
from store.ledger import canonical, require_text
from store.schema import EVIDENCE, EVIDENCE_PART, MARKS

# Up to four texts stand in one key, and PostgreSQL's index takes 2,704 bytes a row.
_KEY_BYTES = 400
_LAST_SERIAL = 2**63 - 1


@dataclass(frozen=True)
class EvidenceRow:
    """What one worker counted of one version at one weight, since the worker began.

    `weight`: basis points of the candidate in force when the requests were routed; `body`: plain
    JSON of counts."""

    rollout: str
    version: str
    weight: int
    body: dict[str, Any]


class EvidenceStore:
    """The evidence of one model. LedgerStore.create makes its tables. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it
    can; Unstorable for a name that a database would not give back as it was, or that is too long
    for a key."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = part_engine(engine, EVIDENCE_PART)
        self.model = model
        insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        upsert = insert(EVIDENCE)
        new = upsert.excluded
        self._upsert = upsert.on_conflict_do_update(
            index_elements=list(EVIDENCE.primary_key),
            set_={"serial": new.serial, "body": new.body},
            where=EVIDENCE.c.serial < new.serial,
        )
        self._mark = insert(MARKS).on_conflict_do_nothing(index_elements=list(MARKS.primary_key))

    def flush(self, source: str, serial: int, rows: Sequence[EvidenceRow]) -> None:
        """Record what `source` has counted so far; a row that stands is replaced only by one of a
        larger serial.

        All or nothing: one transaction. `source` is one life of one worker process: a name never
        used again, since a new life counts from nothing. `serial` (0 or more) grows with each flush
        of new counts. After StoreUnavailable the rows may be recorded all the same: flush again,
        the same or newer. A row left out stays. Raises Unstorable, with the index, for a row that
        cannot be recorded or that counts what one before it counts."""
        _require_key("source", source)
        require_integer("serial", serial, 0, _LAST_SERIAL)
        require_text("model", self.model)
        common = {"model": self.model, "source": source, "serial": serial}
        # In one order in every thread, so that two flushes of one source cannot deadlock.
        written = sorted(({**common, **row} for row in _written(rows)), key=_key)
        if written:
            with transaction(self._engine) as connection:
                connection.execute(self._upsert, written)

    def of(self, rollout: str) -> list[EvidenceRow]:
        """Return every source's rows of a rollout, not summed, in the order of version and
        weight.
        """
        self._require_names(rollout)
        table = EVIDENCE.c
        query = (
            select(table.version, table.weight, table.body)
            .where(table.model == self.model, table.rollout == rollout)
            .order_by(table.version, table.weight, table.source)
        )
        with statements(self._engine) as connection:
            rows = connection.execute(query).all()

        evidence = []
        for version, weight, body in rows:
            evidence.append(EvidenceRow(rollout, version, weight, json.loads(body)))

        return evidence

    def counted(self, rollout: str) -> list[tuple[str, int, dict[str, Any]]]:
        """Return the same as (version, weight, body), as the core adds them up."""
        return list(map(attrgetter("version", "weight", "body"), self.of(rollout)))

    def mark(self, rollout: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Freeze `body` under a name, once: return the body that stands, which is the first
        writer's.

        Raises Unstorable for a body that is not plain JSON.
        """
        self._require_names(rollout)
        _require_key("name", name)
        values = {"model": self.model, "rollout": rollout, "name": name, "body": _json(body)}
        query = select(MARKS.c.body).where(
            MARKS.c.model == self.model, MARKS.c.rollout == rollout, MARKS.c.name == name
        )
        with statements(self._engine) as connection:
            connection.execute(self._mark, values)
            stands: dict[str, Any] = json.loads(connection.execute(query).scalar_one())

        return stands

    def marks(self, rollout: str) -> dict[str, dict[str, Any]]:
        """Return every body that was frozen of a rollout, by its name."""
        self._require_names(rollout)
        query = select(MARKS.c.name, MARKS.c.body).where(
            MARKS.c.model == self.model, MARKS.c.rollout == rollout
        )
        with statements(self._engine) as connection:
            rows = connection.execute(query.order_by(MARKS.c.name)).all()

        return {name: json.loads(body) for name, body in rows}

    def _require_names(self, rollout: str) -> None:
        require_text("model", self.model)
        _require_key("rollout", rollout)


def _written(rows: Sequence[EvidenceRow]) -> Iterator[dict[str, Any]]:
    """The columns as they are stored, but for those that all rows of a flush share."""
    first: dict[tuple[str, str, int], int] = {}
    for index, row in enumerate(rows):
        _require_key("rollout", row.rollout, index)
        require_text("version", row.version, index)
        require_integer("weight", row.weight, 0, WHOLE, index)
        values = {"rollout": row.rollout, "version": row.version, "weight": row.weight}
        before = first.setdefault(_key(values), index)
        if before != index:
            raise Unstorable(
                "version", f"counts what row {before} counts: one version at one weight", index
            )
        yield {**values, "body": _json(row.body, index)}


def _key(values: dict[str, Any]) -> tuple[str, str, int]:
    """What the counts are of, whichever worker counted them."""
    return values["rollout"], values["version"], values["weight"]


def _json(body: Any, index: int | None = None) -> str:
    if not isinstance(body, dict):
        raise Unstorable("body", f"is {type(body).__name__}, not a JSON object", index)

    try:
        return canonical(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable("body", f"is not plain JSON ({error})", index) from None


def _require_key(field: str, value: Any, index: int | None = None) -> None:
    require_text(field, value, index)
    size = len(value.encode())
    if size > _KEY_BYTES:
        raise Unstorable(field, f"has {size} bytes; a key has at most {_KEY_BYTES}", index)
