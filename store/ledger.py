"""The ledger of one model: revisions that are only ever appended, each bound to the one before by
its hash.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from store.direct import DirectDatabase, Run
from store.entry import Entry
from store.errors import Conflict, LedgerBroken, StoreError, Unstorable

if TYPE_CHECKING:
    from sqlalchemy import Engine

COLUMNS = ("model", "revision", "body", "action", "actor", "reason", "at", "previous_hash", "hash")
"""Of a revision, as they are stored and, all but the hash, as the hash takes them."""
_ALL = f"SELECT {', '.join(COLUMNS)} FROM revisions WHERE model = :model"  # noqa: S608
_INSERT = (
    f"INSERT INTO revisions ({', '.join(COLUMNS)}) VALUES "  # noqa: S608
    f"({', '.join(f':{name}' for name in COLUMNS)}) "
    "ON CONFLICT (model, revision) DO NOTHING"
)
# Keys stand in an index, and PostgreSQL's index takes 2,704 bytes a row.
_KEYS = ("model", "version", "prediction_id")
_KEY_BYTES = 800
# Any number that no other program uses for PostgreSQL's advisory locks.
_CREATING = 7_358_492_013


class LedgerStore:
    """The revisions of one model. Threads may share one of an engine; processes each build their
    own.

    database: an engine, whose connections are kept, or a command's one connection. Every method
    raises StoreUnavailable when the database cannot be used, and works again when it can."""

    def __init__(self, database: "Engine | DirectDatabase", model: str) -> None:
        self._database = database
        self._statement = _runner(database)
        self.model = model

    def create(self) -> None:
        """Make the tables that are missing, also those apart from the ledger; two processes may do
        so at the same time.

        Needs an engine.
        """
        from sqlalchemy import text

        from store.engine import part_engine, transaction
        from store.schema import (
            EVIDENCE_PART,
            EVIDENCE_TABLES,
            LABEL_TABLES,
            LABELS_PART,
            LEDGER_TABLES,
        )
        from store.upgrade import upgrade

        assert not isinstance(self._database, DirectDatabase)
        ledger = self._database
        evidence, labels = part_engine(ledger, EVIDENCE_PART), part_engine(ledger, LABELS_PART)
        for engine, tables in (
            (ledger, LEDGER_TABLES),
            (evidence, EVIDENCE_TABLES),
            (labels, LABEL_TABLES),
        ):
            with transaction(engine) as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATING}
                    )
                tables.create_all(connection)

        upgrade(ledger, evidence, labels)

    def revision(self) -> int:
        """Return the newest revision's number, 0 if there is none. One look at an index: made to be
        polled.
        """
        rows = self._statement(
            "SELECT max(revision) FROM revisions WHERE model = :model", {"model": self.model}
        ).rows
        return int(rows[0][0] or 0)

    def newest(self) -> Entry | None:
        """Return the newest entry, None if nothing was ever recorded."""
        newest = self.history(limit=1)
        if newest:
            return newest[0]
        return None

    def history(self, limit: int | None = None) -> list[Entry]:
        """Return the entries, newest first; at most `limit` of them."""
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; it counts entries, so it is 0 or more")
        return list(map(_entry, self._rows("ORDER BY revision DESC", limit)))

    def append(
        self,
        revision: int,
        body: dict[str, Any],
        action: str,
        actor: str,
        reason: str,
        at: datetime,
    ) -> Entry:
        """Record `revision`, which must be the newest plus one, and return it.

        Raises Conflict when somebody was first, Unstorable for values that a database would not
        give back as they were. After StoreUnavailable the act may be recorded all the same: look
        before repeating it."""
        written = _written(self.model, revision, body, action, actor, reason, at)
        before = self._before(revision)
        values = {**written, "previous_hash": before}
        values["hash"] = digest(values)
        if not self._statement(_INSERT, values).changed:
            raise Conflict(self._at(revision))

        return _entry(values)

    def verify(self, seen: Entry | None = None) -> int:
        """Check the whole chain and return how many entries it has; raises LedgerBroken at the
        first bad one.

        A chain that lost its newest entries still holds. `seen`, an entry that the caller kept,
        finds that too."""
        rows = self._rows("ORDER BY revision")
        previous = ""
        for expected, row in enumerate(rows, start=1):
            _check(row, expected, previous)
            _entry(row)
            previous = row["hash"]

        if seen is not None:
            _check_seen(rows, seen)

        return len(rows)

    def _before(self, revision: int) -> str:
        """The hash that `revision` follows; it must be the next free one."""
        newest = self.newest()
        count = newest.revision if newest else 0
        if 1 <= revision <= count:
            raise Conflict(self._at(revision))

        if revision != count + 1:
            raise StoreError(
                f"Revision {revision} of {self.model} cannot be recorded: the newest is {count}, "
                f"so the next is {count + 1}. Read the ledger again."
            )

        if newest:
            return newest.hash
        return ""

    def _at(self, revision: int) -> Entry:
        rows = self._rows("AND revision = :revision", revision=revision)
        if not rows:
            raise LedgerBroken(revision, "it is missing")
        return _entry(rows[0])

    def _rows(self, rest: str, limit: int | None = None, **values: Any) -> list[dict[str, Any]]:
        """Rows by column; rest: of the statement."""
        if limit is not None:
            rest, values = f"{rest} LIMIT :most", {**values, "most": limit}
        result = self._statement(f"{_ALL} {rest}", {"model": self.model, **values})
        return [dict(zip(COLUMNS, row, strict=True)) for row in result.rows]


def _runner(database: "Engine | DirectDatabase") -> Run:
    if isinstance(database, DirectDatabase):
        return database.run
    from store.engine import pooled

    return pooled(database)


def digest(values: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of an entry's stored columns, all but the hash itself.

    The body counts as the text that is stored, so that any changed byte shows.
    """
    columns = [values[name] for name in COLUMNS if name != "hash"]
    return hashlib.sha256(canonical(columns).encode()).hexdigest()


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII; raises TypeError or
    ValueError.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _written(
    model: str,
    revision: int,
    body: dict[str, Any],
    action: str,
    actor: str,
    reason: str,
    at: datetime,
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


def _entry(row: dict[str, Any]) -> Entry:
    values = dict(row)
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


def _check_seen(rows: Sequence[dict[str, Any]], seen: Entry) -> None:
    if seen.revision > len(rows):
        raise LedgerBroken(seen.revision, "it was recorded once and is missing now")
    if rows[seen.revision - 1]["hash"] != seen.hash:
        raise LedgerBroken(seen.revision, "another entry stands in its place")
