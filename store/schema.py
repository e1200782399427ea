"""The tables. `revisions` is append-only, and the database itself refuses to change or delete a row of it."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    event,
)

METADATA = MetaData()
CHANNEL = "sluice_revisions"
"""Where PostgreSQL tells of a new revision (store/bell.py listens)."""

REVISIONS = Table(
    "revisions",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("revision >= 1", name="revision_counts_from_one"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("predicted", Float(53), nullable=True),
    Column("predicted_class", Text, nullable=True),
    Column("label", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("feedback_by_version", "model", "version"),
)

_GUARDS = {
    "sqlite": [
        f"""CREATE TRIGGER revisions_no_{act} BEFORE {act} ON revisions
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
        for act in ("update", "delete")
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION sluice_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
        """CREATE TRIGGER revisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revisions
        FOR EACH STATEMENT EXECUTE FUNCTION sluice_append_only()""",
        f"""CREATE OR REPLACE FUNCTION sluice_tell() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('{CHANNEL}', NEW.revision::text); RETURN NULL; END $$""",
        """CREATE TRIGGER revisions_told AFTER INSERT ON revisions
        FOR EACH ROW EXECUTE FUNCTION sluice_tell()""",
    ],
}


def _guard(_table: Table, connection: Connection, **_: object) -> None:
    for statement in _GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


event.listen(REVISIONS, "after_create", _guard)
