"""The ledger, read from and written to the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from rollout.decide.actions import RecordRevision
from rollout.state.ledger import Ledger, from_body
from store.direct import direct
from store.entry import Entry
from store.errors import Conflict, StoreError, StoreUnavailable
from store.ledger import LedgerStore

# To act on the ledger takes no SQLAlchemy, whose import takes longer than the whole act.
if TYPE_CHECKING:
    from sqlalchemy import Engine


class Unsure(EdgeFailure):
    """The database went away while the act was recorded: it may be recorded or not."""


@contextmanager
def opened(workspace: Workspace) -> "Iterator[Engine]":
    """The workspace's database; raises EdgeFailure where `up` never ran."""
    from store.engine import engine

    _must_be_known(workspace)
    made = engine(workspace.database_url)
    try:
        yield made
    finally:
        made.dispose()


def refuse_if_deleted(workspace: Workspace) -> None:
    """Raise EdgeFailure where the ledger's file was deleted under a stack that still runs."""
    path = workspace.state / "ledger.db"
    if workspace.database_is_file and workspace.url_file.exists() and not path.exists():
        raise EdgeFailure(
            f"the record {path} was deleted while the stack runs, which continues as it is: "
            "restore the file from a backup. Without one, `python deploy.py down` and then `up` "
            "begin anew, with nothing deployed"
        )


@contextmanager
def opened_record(workspace: Workspace) -> Iterator[LedgerStore]:
    """The ledger's store; raises EdgeFailure where `up` never ran."""
    _must_be_known(workspace)
    if (database := direct(workspace.database_url)) is None:
        with opened(workspace) as pool:
            yield LedgerStore(pool, workspace.settings.model)
        return

    try:
        yield LedgerStore(database, workspace.settings.model)
    finally:
        database.close()


def _must_be_known(workspace: Workspace) -> None:
    refuse_if_deleted(workspace)
    if workspace.database_is_file and not (workspace.state / "ledger.db").exists():
        raise EdgeFailure(f"{workspace.state} has no record yet: `python deploy.py up` makes it")

    if not workspace.database_url:
        raise EdgeFailure(
            f"{workspace.state} knows no database yet: `python deploy.py up` orders it and keeps "
            "its address"
        )


def make_record(workspace: Workspace) -> None:
    """Make the database's tables where they are missing; raises StoreError."""
    from store.engine import engine

    made = engine(workspace.database_url)
    try:
        LedgerStore(made, workspace.settings.model).create()
    finally:
        made.dispose()


def read_ledger(store: LedgerStore) -> Ledger:
    """The newest ledger, an empty one before the first act; raises StoreError, BrokenRecord."""
    entry = store.newest()
    if entry:
        return from_body(entry.body, entry.revision)
    return Ledger(model=store.model)


def newest_ledger(workspace: Workspace) -> Ledger:
    """The same of the workspace's own store; raises EdgeFailure where `up` never ran."""
    with opened_record(workspace) as store:
        return read_ledger(store)


def write(store: LedgerStore, record: RecordRevision, actor: str, reason: str, now: float) -> Entry:
    """Insert a ledger; raises Conflict, or Unsure where it may have been inserted or not."""
    at = datetime.fromtimestamp(now, UTC)
    revision, body = record.ledger.revision, record.ledger.to_body()
    try:
        return store.append(revision, body, record.act, actor, reason, at)
    except StoreUnavailable as error:
        entry = entry_of(store, record, actor, now)
        if entry is None:
            raise
        if isinstance(entry, Entry):
            return entry
        raise Unsure(
            f"it is not known whether '{record.act}' was recorded: `python deploy.py history` "
            f"tells. {error}"
        ) from error


def entry_of(
    store: LedgerStore, record: RecordRevision, actor: str, now: float
) -> Entry | StoreError | None:
    """The entry of exactly this act, None where it was not recorded, or why that is unknown."""
    at = datetime.fromtimestamp(now, UTC)
    try:
        recent = store.history(limit=20)
    except StoreError as error:
        return error

    own = (record.ledger.revision, record.act, actor, at)
    for entry in recent:
        if (entry.revision, entry.action, entry.actor, entry.at) == own:
            return entry
    return None


def refuse_if_moved(store: LedgerStore, before: Ledger) -> None:
    """Raise Conflict where the ledger has changed since `before` was read."""
    newest = store.newest()
    if newest is not None and newest.revision != before.revision:
        raise Conflict(newest)
