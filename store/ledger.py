"""The ledger of one model: revisions that are only ever appended, each bound to the one before by its hash."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from store.engine import beside, statements, transaction
from store.errors import Conflict, LedgerBroken, StoreError, Unstorable
from store.schema import (
    EVIDENCE_PART,
    EVIDENCE_TABLES,
    LABEL_TABLES,
    LABELS_PART,
    LEDGER_TABLES,
    REVISIONS,
)
from store.upgrade import upgrade

# Keys stand in an index, and PostgreSQL's index takes 2,704 bytes a row.
_KEYS = ("model", "version", "prediction_id")
_KEY_BYTES = 800
# Any number that no other program uses for PostgreSQL's advisory locks.
_CREATING = 7_358_492_013


@dataclass(frozen=True)
class Entry:
    """One act: `body` is the whole ledger after it, `at` its time in UTC, `hash` binds it to all before it."""

    model: str
    revision: int
    body: dict[str, Any]
    action: str
    actor: str
    reason: str
    at: datetime
    previous_hash: str
    hash: str


class LedgerStore:
    """The revisions of one model. Threads may share it; processes each build their own.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it can.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = engine
        self.model = model
        mine = REVISIONS.c.model == model
        self._count = select(func.max(REVISIONS.c.revision)).where(mine)
        self._all = select(REVISIONS).where(mine)
        self._newest_first = self._all.order_by(REVISIONS.c.revision.desc())
        self._newest = self._newest_first.limit(1)

    def create(self) -> None:
        """Make the tables that are missing, those beside the ledger too; two processes may do so at the same time."""
        evidence, labels = beside(self._engine, EVIDENCE_PART), beside(self._engine, LABELS_PART)
        parts = ((self._engine, LEDGER_TABLES), (evidence, EVIDENCE_TABLES), (labels, LABEL_TABLES))
        for engine, tables in parts:
            with transaction(engine) as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATING})
                tables.create_all(connection)
        upgrade(self._engine, evidence, labels)

    def revision(self) -> int:
        """Return the newest revision's number, 0 if there is none. One look at an index: made to be polled."""
        with statements(self._engine) as connection:
            return connection.scalar(self._count) or 0

    def newest(self) -> Entry | None:
        """Return the newest entry, None if nothing was ever recorded."""
        with statements(self._engine) as connection:
            row = connection.execute(self._newest).one_or_none()
        return _entry(row) if row else None

    def history(self, limit: int | None = None) -> list[Entry]:
        """Return the entries, newest first; at most `limit` of them."""
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; it counts entries, so it is 0 or more")
        with statements(self._engine) as connection:
            return [_entry(row) for row in connection.execute(self._newest_first.limit(limit))]

    def append(self, revision: int, body: dict[str, Any], action: str, actor: str, reason: str, at: datetime) -> Entry:
        """Record `revision`, which must be the newest plus one, and return it.

        Raises Conflict when somebody was first, Unstorable for values that a database would not give back
        as they were. After StoreUnavailable the act may be recorded all the same: look before repeating it.
        """
        written = _written(self.model, revision, body, action, actor, reason, at)
        before = self._before(revision)
        values = {**written, "previous_hash": before}
        values["hash"] = digest(values)
        try:
            with statements(self._engine) as connection:
                connection.execute(insert(REVISIONS), values)
        except IntegrityError:
            raise Conflict(self._at(revision)) from None
        return _entry(values)

    def verify(self, seen: Entry | None = None) -> int:
        """Check the whole chain and return how many entries it has; raises LedgerBroken at the first bad one.

        A chain that lost its newest entries still holds. `seen`, an entry that the caller kept, finds that too.
        """
        with statements(self._engine) as connection:
            rows = connection.execute(self._all.order_by(REVISIONS.c.revision)).all()
        previous = ""
        for expected, row in enumerate(rows, start=1):
            _check(row._mapping, expected, previous)
            _entry(row)
            previous = row.hash
        if seen is not None:
            _check_seen(rows, seen)
        return len(rows)

    def _before(self, revision: int) -> str:
        """The hash that `revision` follows; its place must be the next free one."""
        newest = self.newest()
        count = newest.revision if newest else 0
        if 1 <= revision <= count:
            raise Conflict(self._at(revision))
        if revision != count + 1:
            raise StoreError(
                f"Revision {revision} of {self.model} cannot be recorded: the newest is {count}, "
                f"so the next is {count + 1}. Read the ledger again."
            )
        return newest.hash if newest else ""

    def _at(self, revision: int) -> Entry:
        query = self._all.where(REVISIONS.c.revision == revision)
        with statements(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise LedgerBroken(revision, "it is missing")
        return _entry(row)


def digest(values: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of an entry's stored columns, all but the hash itself.

    The body counts as the text that is stored, so that any changed byte shows.
    """
    columns = [values[column.name] for column in REVISIONS.c if column.name != "hash"]
    return hashlib.sha256(canonical(columns).encode()).hexdigest()


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII; raises TypeError or ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _written(
    model: str, revision: int, body: dict[str, Any], action: str, actor: str, reason: str, at: datetime
) -> dict[str, Any]:
    """The columns as they are stored, but for the hashes."""
    if at.tzinfo is None:
        raise Unstorable("at", "has no time zone; give a time in UTC")
    try:
        body_text = canonical(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable("body", f"is not plain JSON ({error})") from None
    texts = {"model": model, "action": action, "actor": actor, "reason": reason}
    for field, value in texts.items():
        require_text(field, value)
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds")
    return {**texts, "revision": revision, "body": body_text, "at": stamp}


def require_text(field: str, value: Any, index: int | None = None) -> None:
    """Raise Unstorable unless both databases give this text back as it was."""
    if not isinstance(value, str):
        raise Unstorable(field, f"is {type(value).__name__}, not text", index)
    if "\0" in value:
        raise Unstorable(field, "holds a NUL character", index)
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unstorable(field, "holds half of a character (a lone surrogate)", index) from None
    if field in _KEYS and size > _KEY_BYTES:
        raise Unstorable(field, f"has {size} bytes; a key has at most {_KEY_BYTES}", index)


def _entry(row: Row[Any] | dict[str, Any]) -> Entry:
    values = dict(row) if isinstance(row, dict) else dict(row._mapping)
    try:
        values["body"] = json.loads(values["body"])
        values["at"] = datetime.fromisoformat(values["at"])
    except ValueError:
        raise LedgerBroken(values["revision"], "its body or its time cannot be read") from None
    return Entry(**values)


def _check(values: Any, expected: int, previous: str) -> None:
    revision = values["revision"]
    if revision != expected:
        raise LedgerBroken(expected, f"it is missing; the next one there is {revision}")
    if values["previous_hash"] != previous:
        raise LedgerBroken(revision, "it does not follow the revision before it")
    if digest(values) != values["hash"]:
        raise LedgerBroken(revision, "its content does not give its hash")


def _check_seen(rows: Sequence[Row[Any]], seen: Entry) -> None:
    if seen.revision > len(rows):
        raise LedgerBroken(seen.revision, "it was recorded once and is missing now")
    if rows[seen.revision - 1].hash != seen.hash:
        raise LedgerBroken(seen.revision, "another entry stands in its place")
