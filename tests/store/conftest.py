"""Each test of the record runs twice: on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store import Entry, LedgerStore
from store.engine import engine
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

AT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def opened(url: str) -> Iterator[Engine]:
    """An engine on the empty database."""
    made = engine(url)
    yield made
    made.dispose()


@pytest.fixture
def ledger(opened: Engine) -> LedgerStore:
    """An empty ledger with its tables made."""
    store = LedgerStore(opened, "flights")
    store.create()
    return store


@pytest.fixture
def append() -> Callable[..., Entry]:
    """Append a plain entry: append(store, revision, reason=...)."""

    def plain(store: LedgerStore, revision: int, **changes) -> Entry:
        values = {
            "body": {"split": {"v1": 10_000}},
            "action": "deploy",
            "actor": "ann",
            "reason": "",
            "at": AT,
        }
        return store.append(revision, **{**values, **changes})

    return plain
