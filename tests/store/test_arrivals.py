"""Samples of what has arrived, beside the evidence and never in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store.arrivals import ArrivalStore
from store.engine import engine
from store.evidence import EvidenceStore
from store.ledger import LedgerStore


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    made = engine(f"sqlite:///{tmp_path}/l.db")
    LedgerStore(made, "toy").create()
    yield made
    made.dispose()


def test_newer_samples_replace_those_of_the_same_source(database: Engine) -> None:
    store = ArrivalStore(database, "toy")
    store.keep("one", 1, "toy:5", [[0.0, {"pairs": 1}]], "")
    store.keep("one", 2, "toy:5", [[10.0, {"pairs": 3}]], "it has shown 5 requests/s of 9")
    assert store.of("toy:5") == [[10.0, {"pairs": 3}]]
    assert store.capacity("toy:5") == "it has shown 5 requests/s of 9"


def test_samples_of_all_sources_are_read_in_the_order_of_time(database: Engine) -> None:
    store = ArrivalStore(database, "toy")
    store.keep("one", 1, "toy:5", [[0.0, {}], [20.0, {}]], "old")
    store.keep("two", 1, "toy:5", [[10.0, {}], [30.0, {}]], "new")
    assert [at for at, _ in store.of("toy:5")] == [0.0, 10.0, 20.0, 30.0]
    assert store.capacity("toy:5") == "new"


def test_another_rollout_or_model_has_none(database: Engine) -> None:
    ArrivalStore(database, "toy").keep("one", 1, "toy:5", [[0.0, {}]], "")
    for store, rollout in (
        (ArrivalStore(database, "toy"), "toy:6"),
        (ArrivalStore(database, "other"), "toy:5"),
    ):
        assert store.of(rollout) == []
        assert store.capacity(rollout) == ""


def test_samples_are_no_evidence(database: Engine) -> None:
    ArrivalStore(database, "toy").keep("one", 1, "toy:5", [[0.0, {}]], "")
    assert EvidenceStore(database, "toy").counted("toy:5") == []
