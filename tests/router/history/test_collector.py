"""Each count reaches the history once: over restarts of workers and of the router, takeovers, a
database that is away, and a history that is deleted."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rollout.history.reader import HistoryReader
from router.evidence import worker_metrics
from router.evidence.worker_metrics import Snapshot, WorkerMetrics
from router.history.collector import MOST_LOOKS, Collector
from router.history.counts_life import begin_life, current_life, ended_lives
from router.process_identity import started_at
from store.engine import engine
from store.errors import StoreUnavailable
from store.history.history_store import HistoryStore

NOW = float(int(time.time()))


@dataclass
class Machine:
    """A state folder, the workers that publish in it, and a history."""

    state: Path
    store: HistoryStore
    now: float = NOW
    workers: dict[int, WorkerMetrics] = field(default_factory=dict)

    def count(self, pid=None, times=1, version="v1", code=200):
        metrics = self.workers.setdefault(pid or os.getpid(), WorkerMetrics())
        for _ in range(times):
            metrics.request(version, "serving", code, 0.01)
        self.publish()

    def publish(self):
        for pid, metrics in self.workers.items():
            started = started_at(pid) or pid
            worker_metrics.publish(self.state, Snapshot(pid, metrics.flat(), {}, started=started))

    def retire(self, pid):
        self.publish()
        del self.workers[pid]
        worker_metrics.retire(self.state, pid)

    def tick(self, *collectors, seconds=1):
        for _ in range(seconds):
            self.now += 1
            for one in collectors:
                one.look("", self.now)

        for one in collectors:
            one.hand_in(self.now)

    def seen(self, step=1):
        # What was left of a life has the time of its files.
        now = max(self.now, time.time())
        series = HistoryReader(self.store, lambda: now).series(now - 3_500, now + 2, step)
        for name in series.versions:
            assert min(series.array(name, "requests")) >= 0

        return {name: one.requests for name, one in series.total.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def machine(request, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")

    ledger = engine(url)
    store = HistoryStore(ledger, "toy")
    store.create()
    yield Machine(tmp_path / "state", store)
    ledger.dispose()


@pytest.fixture
def collector(machine):
    made = Collector(machine.store, machine.state)
    yield made
    made.release()


class Unavailable:
    """A store that is away, or whose answers get lost after it has recorded."""

    def __init__(self, store, records=False):
        self.store, self.records = store, records

    def handed_in(self, life):
        raise StoreUnavailable("away")

    def note(self, life, at):
        raise StoreUnavailable("away")

    def hand_in(self, *values):
        if self.records:
            self.store.hand_in(*values)

        raise StoreUnavailable("away")


def test_workers_are_added_up_and_looking_again_adds_nothing(machine, collector):
    machine.count(times=3)
    machine.count(pid=999_999, times=4, version="v2")
    machine.tick(collector)
    machine.tick(collector, seconds=5)
    machine.count(times=2)
    machine.tick(collector)
    assert machine.seen() == {"v1": 5, "v2": 4}


def test_a_worker_that_ends_is_counted_before_while_and_after_it_is_merged(machine, collector):
    machine.count(pid=999_999, times=4)
    machine.tick(collector)
    machine.count(pid=999_999, times=3)
    machine.retire(999_999)
    machine.tick(collector)
    assert machine.seen() == {"v1": 7}


def test_a_dead_worker_in_both_files_counts_once(machine, collector):
    machine.count(pid=999_999, times=4)
    unmerged = worker_metrics.folder(machine.state) / "999999.json"
    kept = unmerged.read_bytes()
    worker_metrics.retire(machine.state, 999_999)
    unmerged.write_bytes(kept)
    machine.workers.clear()
    machine.tick(collector)
    assert machine.seen() == {"v1": 4}


@pytest.mark.parametrize("records", [False, True])
def test_a_database_that_is_away_delays_and_doubles_nothing(machine, collector, records):
    machine.count(times=3)
    machine.tick(collector)
    collector._store = Unavailable(machine.store, records)
    for _ in range(3):
        machine.count(times=2)
        with pytest.raises(StoreUnavailable):
            machine.tick(collector)

    collector._store = machine.store
    machine.count(times=5)
    machine.tick(collector)
    machine.tick(collector)
    assert machine.seen() == {"v1": 14}


def test_hours_without_a_database_keep_few_looks_and_every_count(machine, collector):
    machine.tick(collector)
    collector._store = Unavailable(machine.store)
    for _ in range(2 * MOST_LOOKS):
        machine.count()
        machine.now += 1
        collector.look("", machine.now)

    assert len(collector._life.looks) <= MOST_LOOKS
    collector._store = machine.store
    machine.tick(collector)
    assert machine.seen() == {"v1": 2 * MOST_LOOKS}


@pytest.mark.parametrize("handed_in", [False, True])
def test_another_worker_takes_over_where_the_first_one_stopped(machine, collector, handed_in):
    machine.count(times=3)
    machine.tick(collector)
    machine.count(times=2)
    machine.now += 1
    collector.look("", machine.now)
    if handed_in:
        collector.hand_in(machine.now)

    collector.release()
    machine.count(times=1)
    other = Collector(machine.store, machine.state)
    machine.tick(other)
    assert machine.seen() == {"v1": 6}
    other.release()


def test_two_that_hand_in_for_one_machine_count_nothing_twice(machine, collector):
    """No lock helps where the folder is on a file system without locks."""
    other = Collector(machine.store, machine.state)
    for turn in range(6):
        machine.count(times=2)
        machine.tick(*([collector, other] if turn % 2 else [other, collector]))

    machine.tick(collector, other)
    assert machine.seen() == {"v1": 12}
    other.release()


def test_a_new_router_counts_from_zero_and_what_was_left_is_handed_in(machine, collector):
    machine.count(pid=999_999, times=3)
    machine.tick(collector)
    machine.count(pid=999_999, times=2)
    before = current_life(machine.state)
    machine.workers.clear()
    begin_life(machine.state)
    assert current_life(machine.state) != before
    assert [ended.life for ended in ended_lives(machine.state)] == [before]
    begin_life(machine.state)
    machine.count(times=4)
    machine.tick(collector)
    machine.tick(collector)
    assert machine.seen() == {"v1": 9}
    assert ended_lives(machine.state) == []


def test_a_life_that_never_handed_in_is_handed_in_by_the_next_one(machine, collector):
    current_life(machine.state)
    machine.count(pid=999_999, times=3)
    machine.workers.clear()
    begin_life(machine.state)
    machine.tick(collector)
    assert machine.seen() == {"v1": 3}


def test_workers_of_a_killed_master_go_on_in_the_same_life(machine, collector):
    machine.count(times=3)
    machine.tick(collector)
    begin_life(machine.state)
    machine.count(times=1)
    machine.tick(collector)
    assert machine.seen() == {"v1": 4}


def test_machines_hand_in_to_one_history_and_each_counts_its_own(machine, collector):
    other = Machine(machine.state.parent / "other", machine.store)
    beside = Collector(machine.store, other.state)
    for _ in range(3):
        machine.count(times=2)
        other.count(times=5)
        machine.tick(collector)
        other.tick(beside)

    assert machine.seen() == {"v1": 21}
    beside.release()


def delete(machine):
    for path in machine.state.parent.glob("ledger-history.db*"):
        path.unlink()


@pytest.mark.parametrize("takes_over", [False, True])
def test_after_the_history_was_deleted_only_what_came_later_is_in_it(tmp_path, takes_over):
    ledger = engine(f"sqlite:///{tmp_path}/ledger.db")
    store = HistoryStore(ledger, "toy")
    store.create()
    machine, collector = Machine(tmp_path / "state", store), Collector(store, tmp_path / "state")
    machine.count(times=3)
    machine.tick(collector)
    delete(machine)
    if takes_over:
        collector.release()
        collector = Collector(store, machine.state)

    with pytest.raises(StoreUnavailable):
        machine.tick(collector)

    store.create()
    machine.count(times=2)
    machine.tick(collector)
    machine.tick(collector)
    assert machine.seen() == {"v1": 2}
    collector.release()
    ledger.dispose()
