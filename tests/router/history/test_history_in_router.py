"""What a real router serves reaches the history: two workers, one of them killed, restarts, and a
history that cannot be written while an act is done."""

import os
import signal
import time

import pytest

from rollout.history.reader import HistoryReader
from router.evidence.worker_metrics import split_keys
from router.history import counts_life
from store.engine import engine
from store.history.history_store import HistoryStore
from tests.router.router_harness import router_harness
from tests.until import until

SETTINGS = "[router]\nworkers = 2\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def harness(request, tmp_path):
    """v1 at 80 %, v2 at 20 %, two router workers."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with router_harness(tmp_path, settings=SETTINGS, workers=2, database_url=url) as made:
        made.know(made.version("v1", "[0,1]"), made.version("v2", "[0,1]"))
        made.split({"v1": 8_000, "v2": 2_000})
        made.router()
        made.follows(made.ledger.revision)
        yield made


@pytest.fixture
def reader(harness):
    """A reader beside the router, as `deploy.py` is one."""
    ledger = engine(harness.database_url)
    store = HistoryStore(ledger, "toy")
    # As `up` does; a router's worker may not have come to it yet.
    store.create()
    yield HistoryReader(store, time.time)
    ledger.dispose()


def answers(harness, requests):
    """Send requests on connections of their own, so that both workers get some; returns how many
    each version answered."""
    served = {"v1": 0, "v2": 0}
    for _ in range(requests):
        answer = harness.predict({"x": 1.0})
        assert answer.status_code == 200
        served[answer.headers["x-model-version"]] += 1

    return served


def total(reader, step=1):
    series = reader.series(time.time() - 600, time.time() + 2, step)
    return {name: one.requests for name, one in series.total.items()}


def until_counted(reader, served):
    """Wait until the history has what was served, by second and rolled up."""
    expected = {name: number for name, number in served.items() if number}
    until(lambda: total(reader) == expected, f"the history has {expected}")
    assert total(reader, 60) == expected
    assert total(reader, 3600) == expected


def published(harness):
    """How many each version answered, as far as the workers have written that down: what a killed
    one had not is lost.
    """
    counts = {"v1": 0, "v2": 0}
    for key, number in split_keys(counts_life.counted(harness.folder)).items():
        if key[0] == "requests":
            counts[key[1]] += number

    return counts


def added(*parts):
    return {name: sum(part[name] for part in parts) for name in ("v1", "v2")}


def test_the_history_has_each_request_once_across_a_killed_worker_and_a_restart(harness, reader):
    first = answers(harness, 60)
    until_counted(reader, first)
    status = harness.status()
    assert {name: one["requests"] for name, one in status["versions"].items()} == first

    # It may be the one that hands in, the one with the lease, or neither.
    second = answers(harness, 30)
    victim = status["workers"][0]["pid"]
    until(lambda: published(harness) == added(first, second), "all are published")
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in {one["pid"] for one in harness.status()["workers"]}, "its end")
    harness.follows(harness.ledger.revision)
    third = answers(harness, 30)
    until_counted(reader, added(first, second, third))

    fourth = answers(harness, 20)
    harness.kill("router", signal.SIGTERM)
    (harness.folder / "router.log").unlink()
    harness.router()
    harness.follows(harness.ledger.revision)
    fifth = answers(harness, 20)
    until_counted(reader, added(first, second, third, fourth, fifth))
