"""The bell rings for what was written, so that a router need not ask all the time."""

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from store import Entry, LedgerStore
from store.change_notifier import ChangeNotifier, change_notifier

PATIENCE_S = 240.0


@pytest.fixture
def rings(opened: Engine, ledger: LedgerStore) -> Iterator[ChangeNotifier]:
    """A bell that has calmed down after the tables were made."""
    assert ledger.revision() == 0
    made = change_notifier(opened)
    until(made.rung)
    until_quiet(made)
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, or fail."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def until_quiet(made: ChangeNotifier, for_s: float = 0.1) -> None:
    """Wait until it was silent for a while, or fail."""
    give_up = time.monotonic() + PATIENCE_S
    silent_since = time.monotonic()
    while time.monotonic() - silent_since < for_s:
        if made.rung():
            silent_since = time.monotonic()
        assert silent_since < give_up
        time.sleep(0.001)


def test_it_rings_for_each_revision_and_is_silent_between(
    rings: ChangeNotifier, ledger: LedgerStore, append: Callable[..., Entry]
) -> None:
    for revision in (1, 2, 3):
        append(ledger, revision)
        until(rings.rung)
        until_quiet(rings)


def test_to_read_does_not_ring(rings: ChangeNotifier, ledger: LedgerStore) -> None:
    assert ledger.newest() is None
    until_quiet(rings)


def test_after_postgresql_was_away_it_rings_again(
    postgres_server, postgres_url: str, append: Callable[..., Entry]
) -> None:
    from store.engine import engine

    opened = engine(postgres_url)
    ledger = LedgerStore(opened, "flights")
    ledger.create()
    made = change_notifier(opened)
    try:
        until(made.rung)
        postgres_server.stop()
        postgres_server.start()
        until(made.rung)
        until_quiet(made)
        append(ledger, 1)
        until(made.rung)
    finally:
        made.close()
        opened.dispose()


def test_a_bell_of_a_file_that_is_not_there_is_silent(tmp_path) -> None:
    from store.change_notifier import FileNotifier

    made = FileNotifier(tmp_path / "none.db")
    made.rung()
    assert not made.rung()
