"""What arrives is sampled by whoever controls the rollout, and read by whoever looks."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rollout.state.ledger import Rollout
from rollout.verdict.arrivals import EVERY_S, KEPT
from rollout.verdict.report import JudgingInput
from rollout.verdict.words.phrases import COUNTED
from router.control.arrival_sampler import ArrivalSampler
from store.arrivals import ArrivalStore
from store.engine import engine
from store.errors import StoreUnavailable
from store.evidence import EvidenceStore
from store.ledger import LedgerStore
from tests.rollout.evidence_factory import CANARY, USUAL, evidence, finished
from tests.rollout.ledger_commands import STARTED, ledger_after

ROLLOUT: Rollout = ledger_after("canary v2 --auto", ledger=STARTED).running()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    made = engine(f"sqlite:///{tmp_path}/l.db")
    LedgerStore(made, "toy").create()
    yield made
    made.dispose()


def case(running_s: float, rollout: Rollout = ROLLOUT) -> JudgingInput:
    """One request a second was counted."""
    counted = evidence(*finished(500, {"ok": int(running_s)}, {}))
    return JudgingInput(rollout, CANARY, counted, [], USUAL, 500, running_s)


def counted_at(sampled: JudgingInput) -> list[int]:
    """How many were counted at each sample."""
    return [sample.totals[COUNTED] for sample in sampled.samples]


def test_a_sample_is_kept_each_few_seconds_and_the_newest_ones_alone(database: Engine) -> None:
    sampler = ArrivalSampler(ArrivalStore(database, "toy"), "one")
    for second in range(int(EVERY_S * (KEPT + 10))):
        sampled = sampler.with_samples(case(float(second)))

    times = counted_at(sampled)
    assert len(times) == KEPT
    assert times[-1] == EVERY_S * (KEPT + 9)
    assert {later - earlier for earlier, later in pairwise(times)} == {EVERY_S}


def test_the_next_controller_goes_on_with_the_samples_of_the_last_one(database: Engine) -> None:
    store = ArrivalStore(database, "toy")
    first, second = ArrivalSampler(store, "one"), ArrivalSampler(store, "two")
    first.with_samples(case(0.0))
    first.with_samples(case(10.0))
    assert counted_at(second.with_samples(case(15.0))) == [0, 10]
    assert counted_at(second.with_samples(case(20.0))) == [0, 10, 20]
    assert [sample[0] for sample in store.of(ROLLOUT.id)] == [0.0, 0.0, 10.0, 10.0, 20.0]


def test_another_rollout_begins_without_samples(database: Engine) -> None:
    sampler = ArrivalSampler(ArrivalStore(database, "toy"), "one")
    sampler.with_samples(case(50.0))
    other = replace(ROLLOUT, id="toy:99")
    assert counted_at(sampler.with_samples(case(3.0, other))) == [3]


def test_samples_are_no_evidence(database: Engine) -> None:
    ArrivalSampler(ArrivalStore(database, "toy"), "one").with_samples(case(50.0))
    assert EvidenceStore(database, "toy").counted(ROLLOUT.id) == []


def test_a_verdict_does_not_wait_for_the_database(
    database: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = ArrivalStore(database, "toy")

    def away(*_: object) -> None:
        raise StoreUnavailable("no connection")

    monkeypatch.setattr(store, "keep", away)
    with caplog.at_level(logging.WARNING):
        sampled = ArrivalSampler(store, "one").with_samples(case(50.0))

    assert sampled.evidence == case(50.0).evidence
    assert "what has arrived was not stored: no connection" in caplog.text
