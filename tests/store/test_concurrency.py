"""Many writers at once: each revision has one author, and everybody else is told who."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from store import Conflict, Feedback, FeedbackStore, LedgerStore
from store.engine import engine
from tests.store.conftest import AT
from tests.store.processes import APPEND, CREATE, RACE, finish, start


def test_of_many_threads_exactly_one_wins_each_revision(ledger, append):
    gate = threading.Barrier(12)

    def race(name: str) -> list[str]:
        gate.wait()
        return [_attempt(append, ledger, revision, name) for revision in range(1, 11)]

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(race, [f"operator {n}" for n in range(12)]))

    authors = {entry.revision: entry.actor for entry in ledger.history()}
    for revision, told in enumerate(zip(*outcomes, strict=True), start=1):
        assert Counter(told) == {"won": 1, authors[revision]: 11}

    assert ledger.verify() == 10


def test_of_many_processes_exactly_one_wins_each_revision(url, ledger):
    racers = [start(RACE, url, f"operator-{n}", "25") for n in range(4)]
    lines = [line.split() for racer in racers for line in finish(racer)]
    authors = {entry.revision: entry.actor for entry in ledger.history()}
    won = [int(line[1]) for line in lines if line[0] == "won"]
    lost = [(int(line[1]), line[2]) for line in lines if line[0] == "lost"]
    assert sorted(won) == list(range(1, 26))
    assert len(lost) == 75
    assert all(authors[revision] == winner for revision, winner in lost)
    assert ledger.verify() == 25


def test_processes_may_create_the_tables_at_once(url, opened):
    for process in [start(CREATE, url) for _ in range(4)]:
        finish(process)
    assert LedgerStore(opened, "flights").revision() == 0


def test_overlapping_lists_of_feedback_count_each_prediction_once(opened, ledger):
    ids = [f"p{n}" for n in range(400)]
    lists = [ids, ids[::-1], ids[100:] + ids[:100], ids[::2] + ids[1::2]] * 2
    gate = threading.Barrier(len(lists))

    def count(wanted: list[str]) -> int:
        gate.wait()
        rows = [Feedback(name, "v1", 0.5, None, "1", "right", AT) for name in wanted]
        return sum(FeedbackStore(opened, "flights").add(rows))

    with ThreadPoolExecutor(len(lists)) as pool:
        assert sum(pool.map(count, lists)) == 400


def _attempt(append, ledger: LedgerStore, revision: int, name: str) -> str:
    try:
        append(ledger, revision, actor=name)
    except Conflict as refused:
        return refused.winner.actor
    return "won"


def test_a_second_engine_in_a_process_takes_no_lock_away_from_the_first(tmp_path, append):
    """Else a short-lived process would believe itself the last one and delete the log that the
    first still reads.
    """
    url = f"sqlite:///{tmp_path}/ledger.db"
    store = LedgerStore(engine(url), "flights")
    store.create()
    append(store, 1)
    engine(url)
    for revision in (2, 3, 4):
        finish(start(APPEND, url, str(revision)))
        assert store.revision() == revision
