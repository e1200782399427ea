"""Real processes: a candidate that fails one airline's rows is found, and by which airline."""

import time
from dataclasses import replace
from itertools import count

import pytest

from rollout.state.policy import VerdictConfig, policy
from rollout.state.segments import SegmentColumn
from rollout.state.strategy import strategy
from store.evidence import EvidenceStore
from tests.router.fakes import begun
from tests.router.router_harness import router_harness
from tests.until import until

AIRLINE = SegmentColumn("airline", ("AA", "B6"))


@pytest.fixture
def canary(tmp_path):
    """Two router workers, and a canary of v2 at a fifth whose segments are airlines."""
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"), replace(made.version("v2"), segments=(AIRLINE,)))
        made.split({"v1": 10_000})
        made.router()
        now, rolling = time.time(), begun(made.ledger)
        judged = policy(VerdictConfig(), strategy("canary"), segments=(AIRLINE,))
        rollout = replace(rolling.running(), started_at=now, step_since=now, policy=judged)
        made.record(replace(rolling, rollout=rollout))
        made.follows(made.ledger.revision)
        yield made


def test_who_fails_the_rows_of_one_airline_is_rolled_back_with_its_name(canary):
    number = count()

    def rolled_back():
        for n in (next(number) for _ in range(20)):
            row = {"x": 1, "airline": "B6", "fail": "model", "at": "v2"} if n % 6 == 0 else {"x": 1}
            canary.predict(row, **{"X-Unit-Id": f"user {n % 3}"})

        newest = canary.store.newest()
        return newest.action == "rollback" and newest

    entry = until(rolled_back, "it is rolled back")
    worst, *others = [row for row in entry.body["verdict"]["segments"] if row["pairs"]]
    assert (worst["column"], worst["value"]) == ("airline", "B6")
    assert worst["worse"] == worst["pairs"]
    assert [(row["value"], row["worse"]) for row in others] == [("null", 0)]
    rollout = canary.ledger.running().id
    bodies = [body for *_, body in EvidenceStore(canary.engine, "toy").counted(rollout)]
    pairs = sum(sum(body.get("answers", {}).values()) for body in bodies)
    assert sum(sum(body.get("segments", {}).values()) for body in bodies) == pairs
