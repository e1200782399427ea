"""What the history's thread does in a worker: moments before acts, roll-ups, faults said once."""

import sqlite3
from collections import deque
from dataclasses import replace

import pytest

from rollout.history.counts import CellKey, from_body, to_body
from rollout.history.levels import DRIFT_KEPT_S
from rollout.history.reader import HistoryReader
from rollout.verdict.report import JudgingInput
from router.evidence import worker_metrics
from router.evidence.worker_metrics import Snapshot, WorkerMetrics
from router.history.keeper import HistoryKeeper
from router.history.writer import Judgement
from store.engine import engine, statements
from store.history.history_store import HistoryStore
from store.history.tables import history_engine
from tests.rollout.evidence_factory import CANARY, evidence
from tests.rollout.ledger_commands import STARTED, ledger_after
from tests.rollout.verdict.test_report import EVERYTHING, NORMAL

NOW = 1_800_000_000.0
JUDGED = ledger_after("canary v2 --auto", ledger=STARTED)
SEEN = evidence(*EVERYTHING)


def judgement(at, acted=False, ledger=JUDGED):
    case = JudgingInput(ledger.running(), CANARY, SEEN, [SEEN], NORMAL, 500, at - NOW + 600)
    return Judgement(at, ledger, case, case.verdict(), acted)


class Kept:
    """A keeper with a clock that is set, and what it has kept."""

    def __init__(self, folder):
        self.folder, self.now = folder, NOW
        self.ledger = engine(f"sqlite:///{folder}/ledger.db")
        self.keeper = HistoryKeeper(self.ledger, "flights", folder, lambda: self.now)
        self.metrics, self.judged = WorkerMetrics(), deque()
        self.store = HistoryStore(self.ledger, "flights")

    def tick(self, seconds=1, leads=True, ledger=JUDGED):
        for _ in range(seconds):
            self.now += 1
            self.keeper.tick(ledger, self.judged, leads)

    def count(self, times=1):
        for _ in range(times):
            self.metrics.request("v1", "serving", 200, 0.01)
        worker_metrics.publish(self.folder, Snapshot(1, self.metrics.flat(), {}))

    @property
    def reader(self):
        return HistoryReader(self.store, lambda: self.now)

    def requests(self, step=1):
        total = self.reader.series(self.now - 3_000, self.now + 2, step).total
        return total["v1"].requests if total else 0

    def moments(self):
        return self.reader.moments(NOW - 9, self.now + 9)


@pytest.fixture
def kept(tmp_path):
    made = Kept(tmp_path)
    yield made
    made.keeper.stop(JUDGED)
    made.ledger.dispose()


def test_it_makes_the_history_and_counts_what_is_published(kept, caplog):
    kept.count(3)
    kept.tick(2)
    kept.count(4)
    kept.tick(40)
    assert (kept.requests(), kept.requests(60), kept.requests(3_600)) == (7, 7, 7)
    assert caplog.records == []


def test_a_moment_is_kept_before_an_act_and_some_between(kept):
    kept.tick(2)
    for _ in range(12):
        kept.judged.append(judgement(kept.now + 0.5))
        kept.tick()

    before = len(kept.moments())
    assert before in (3, 4)
    kept.judged.append(judgement(kept.now + 0.2, acted=True))
    rolled_back = replace(JUDGED, revision=JUDGED.revision + 1, rollout=None)
    kept.tick(ledger=rolled_back)
    *_, last, after = kept.moments()
    assert len(kept.moments()) == before + 2
    assert (last.revision, last.report["candidate"]) == (JUDGED.revision, "v2")
    assert (after.revision, after.rollout, after.report) == (JUDGED.revision + 1, None, None)
    past = kept.reader.moment(after.at - 0.1)
    assert past.moment == last


def test_only_the_worker_with_the_lease_writes_moments_and_adds_up(kept):
    kept.count(2)
    kept.judged.append(judgement(kept.now))
    kept.tick(40, leads=False)
    assert kept.moments() == []
    with kept.store.rolling_up() as rolling:
        assert len(rolling.blocks(100)) == 1

    kept.tick(1)
    assert kept.moments()[0].report["candidate"] == "v2"


def test_hours_that_have_become_old_keep_all_but_what_was_counted_for_drift(kept):
    hour, cell = int(NOW) // 3_600 * 3_600 - DRIFT_KEPT_S - 7_200, {"requests": {"2xx": 5}}
    drift = {"column 0123abcd 0": {"3": 5}, "mix 0123abcd 0 41": {"500/3": 5}}
    kept.tick(1)
    with kept.store.rolling_up() as rolling:
        for at in (hour, int(NOW) // 3_600 * 3_600):
            rolling.put(3_600, at, to_body({CellKey("v1"): {**cell, **drift}}))

    kept.tick(1)
    kept.now += 3_600
    kept.tick(1)
    with kept.store.rolling_up() as rolling:
        old, new = rolling.step(3_600, hour), rolling.step(3_600, int(NOW) // 3_600 * 3_600)

    assert from_body(old) == {CellKey("v1"): cell}
    assert from_body(new) == {CellKey("v1"): {**cell, **drift}}


def test_a_full_disk_is_said_once_and_what_was_counted_is_written_later(kept, caplog):
    kept.count(3)
    kept.tick(8)

    def most_pages(number):
        with statements(history_engine(kept.ledger)) as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {number}").all()

    most_pages(1)
    for version in range(500):
        kept.metrics.request(f"v{version}", "serving", 200, 0.01 * version)

    kept.count(2)
    kept.tick(30)
    assert "disk is full" in caplog.text
    most_pages(1_000_000)
    kept.tick(10)
    assert kept.requests() == 6
    assert len(caplog.records) == 2


def test_a_change_of_the_lease_adds_nothing_up_twice(kept):
    other = HistoryKeeper(kept.ledger, "flights", kept.folder, lambda: kept.now)
    for turn in range(8):
        kept.count(3)
        for leads in (turn % 2 == 0, turn % 3 == 0):
            kept.tick(20, leads=leads)
            other.tick(JUDGED, deque(), not leads)

    kept.tick(40)
    assert (kept.requests(), kept.requests(60), kept.requests(3_600)) == (24, 24, 24)
    other.stop(JUDGED)


@pytest.mark.parametrize("fault", ["locked", "deleted", "unwritable", "no database"])
def test_a_fault_is_said_once_and_what_was_counted_is_written_later(kept, caplog, fault):
    kept.count(3)
    kept.tick(8)
    caplog.clear()
    path = kept.folder / "ledger-history.db"
    holder = sqlite3.connect(path, isolation_level=None)
    if fault == "locked":
        holder.execute("PRAGMA busy_timeout = 0")
        holder.execute("BEGIN IMMEDIATE")
        kept.count(2)
        kept.tick(10)
        assert len(caplog.records) == 1
        holder.execute("ROLLBACK")
    elif fault == "deleted":
        for file in kept.folder.glob("ledger-history.db*"):
            file.unlink()
    elif fault == "unwritable":
        holder.close()
        path.rename(path.with_suffix(".kept"))
        path.mkdir()
        kept.count(2)
        kept.tick(20)
        assert len(caplog.records) == 1
        path.rmdir()
        path.with_suffix(".kept").rename(path)
    else:
        for file in kept.folder.glob("ledger-history.db*"):
            file.unlink()
        path.write_text("no database, and longer than the header of one" * 3)
        kept.count(2)
        kept.tick(20)
        assert len(caplog.records) == 1
        path.unlink()

    holder.close()
    kept.count(1)
    kept.tick(20)
    lost = 3 if fault in ("deleted", "no database") else 0
    assert kept.requests() == {"deleted": 1}.get(fault, 6 - lost)
    assert [record.message[:24] for record in caplog.records] == [
        "the history is not writt",
        "the history is written a",
    ]


def test_a_clock_that_was_ahead_and_is_set_back_stops_nothing(kept):
    kept.now += 86_400
    kept.count(3)
    kept.tick(8)
    kept.judged.append(judgement(kept.now))
    kept.tick()
    kept.now = NOW
    kept.count(4)
    kept.judged.append(judgement(NOW + 1))
    kept.tick(40)
    assert (kept.requests(), kept.requests(60)) == (4, 4)
    assert next(moment.at for moment in kept.moments()) == NOW + 1
