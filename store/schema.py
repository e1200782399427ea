"""The tables. `revisions` is append-only, and the database itself refuses to change or delete a row
of it.

They are made in three parts (store/engine.py: `part_engine`), so that nothing which users or their
requests write can hold up an act: LEDGER has the revisions and the lease, EVIDENCE what router
workers counted, LABELS what anybody sends. An older `feedback` table gets the columns that it lacks
whenever the tables are made."""

from sqlalchemy import (
    BigInteger,
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
    inspect,
    text,
)
from sqlalchemy.schema import CreateColumn

LEDGER_TABLES = MetaData()
EVIDENCE_TABLES = MetaData()
LABEL_TABLES = MetaData()
EVIDENCE_PART = "evidence"
LABELS_PART = "labels"
CHANNEL = "sluice_revisions"
"""Where PostgreSQL tells of a new revision (store/change_notifier.py listens)."""

REVISIONS = Table(
    "revisions",
    LEDGER_TABLES,
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
    LABEL_TABLES,
    Column("prediction_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("predicted", Float(53), nullable=True),
    Column("predicted_class", Text, nullable=True),
    Column("label", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", Text, nullable=False),
    # Defaults for rows that were there before these columns, and for programs that do not know them
    # yet.
    Column("rollout", Integer, nullable=False, server_default=text("0")),
    Column("weight", Integer, nullable=False, server_default=text("0")),
    Column("bets", Integer, nullable=False, server_default=text("0")),
    Column("level", Integer, nullable=True),
    Column("copied", Integer, nullable=True),
    Index("feedback_by_outcome", "model", "version", "outcome"),
    Index("feedback_by_age", "model", "at"),
    # Only what bets, so that other rows cost nothing; `bets` stands in it because SQLite looks it
    # up all the same.
    Index(
        "feedback_that_bets",
        "model",
        "rollout",
        "version",
        "weight",
        "level",
        "bets",
        sqlite_where=text("bets = 1"),
        postgresql_where=text("bets = 1"),
    ),
    Index(
        "feedback_by_pair",
        "model",
        "rollout",
        "version",
        "level",
        "copied",
        sqlite_where=text("copied IS NOT NULL"),
        postgresql_where=text("copied IS NOT NULL"),
    ),
)

COPIES = Table(
    "copies",
    EVIDENCE_TABLES,
    Column("model", Text, primary_key=True),
    Column("prediction", Text, primary_key=True),
    Column("rollout", Integer, nullable=False),
    Column("score", Float(53), nullable=True),
    Column("predicted_class", Text, nullable=False),
    Index("copies_by_rollout", "model", "rollout"),
)

EVIDENCE = Table(
    "evidence",
    EVIDENCE_TABLES,
    Column("model", Text, primary_key=True),
    Column("rollout", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("weight", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

MARKS = Table(
    "marks",
    EVIDENCE_TABLES,
    Column("model", Text, primary_key=True),
    Column("rollout", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

LEASES = Table(
    "leases",
    LEDGER_TABLES,
    Column("model", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("beat", BigInteger, nullable=False),
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


def _complete_feedback(_metadata: MetaData, connection: Connection, **_: object) -> None:
    """Add the columns and indexes that an older feedback table lacks; runs inside
    LedgerStore.create's transaction.
    """
    if not inspect(connection).has_table(FEEDBACK.name):
        return

    present = {column["name"] for column in inspect(connection).get_columns(FEEDBACK.name)}
    for column in FEEDBACK.c:
        if column.name not in present:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {FEEDBACK.name} ADD COLUMN {definition}")

    if connection.dialect.name == "postgresql":
        # To index a long table may take longer than an ordinary statement may.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    for replaced in ("feedback_by_version", "feedback_of_pairs"):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {replaced}")

    for index in sorted(FEEDBACK.indexes, key=lambda index: str(index.name)):
        index.create(connection, checkfirst=True)


event.listen(LABEL_TABLES, "before_create", _complete_feedback)
event.listen(REVISIONS, "after_create", _guard)
