"""What workers counted is kept once each, whatever is repeated, late or lost on the way."""

import math
import random
import secrets
import string
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from store import EvidenceRow, EvidenceStore, StoreUnavailable, Unstorable
from store.engine import engine
from tests.store.processes import FLUSH, finish, start

ROW = EvidenceRow("7", "v1", 500, {"finished": {"ok": 3}})


def counted(number: int, **changes) -> EvidenceRow:
    """The same row with another count."""
    return replace(ROW, body={"finished": {"ok": number}}, **changes)


@pytest.fixture
def evidence(opened, ledger):
    return EvidenceStore(opened, "flights")


def test_rows_come_back_as_they_went_in_in_one_order(evidence):
    body = {"größe ✔": {"\0": 2**80, "b": None}, "a": [1, 0.5, {}]}
    rows = [replace(ROW, version="v2", body=body), replace(ROW, weight=2500), ROW]
    evidence.flush("worker-1", 1, rows)
    assert evidence.of("7") == rows[::-1]


def test_a_repeated_flush_counts_once(evidence):
    for _ in range(3):
        evidence.flush("worker-1", 1, [ROW])
    assert evidence.of("7") == [ROW]


def test_only_a_larger_serial_replaces_what_stands(evidence):
    evidence.flush("worker-1", 5, [counted(5)])
    for late in (5, 4, 0):
        evidence.flush("worker-1", late, [counted(99)])

    assert evidence.of("7") == [counted(5)]
    evidence.flush("worker-1", 6, [counted(6)])
    assert evidence.of("7") == [counted(6)]


def test_a_late_flush_still_adds_the_rows_that_are_not_there(evidence):
    evidence.flush("worker-1", 5, [counted(5)])
    evidence.flush("worker-1", 4, [counted(4), counted(4, version="v2")])
    assert evidence.of("7") == [counted(5), counted(4, version="v2")]


def test_a_row_left_out_of_a_later_flush_stays(evidence):
    evidence.flush("worker-1", 1, [ROW, replace(ROW, weight=1000)])
    evidence.flush("worker-1", 2, [counted(9)])
    assert evidence.of("7") == [counted(9), replace(ROW, weight=1000)]


def test_sources_are_kept_apart_and_not_summed(evidence):
    evidence.flush("worker-1", 9, [counted(1)])
    evidence.flush("worker-2", 1, [counted(2)])
    assert evidence.of("7") == [counted(1), counted(2)]


def test_rollouts_and_models_are_kept_apart(opened, evidence):
    other = EvidenceStore(opened, "weather")
    evidence.flush("worker-1", 1, [ROW, counted(4, rollout="8")])
    other.flush("worker-1", 1, [counted(5)])
    assert evidence.of("7") == [ROW]
    assert evidence.of("8") == [counted(4, rollout="8")]
    assert other.of("7") == [counted(5)]
    assert other.of("8") == []


def test_an_empty_flush_records_nothing(evidence):
    evidence.flush("worker-1", 1, [])
    assert evidence.of("7") == []


def test_a_thousand_rows_go_in_one_call(evidence):
    rows = [counted(n, weight=n) for n in range(1000)]
    evidence.flush("worker-1", 1, rows)
    assert evidence.of("7") == rows


@pytest.mark.parametrize(
    "changes",
    [
        {"body": {"mean": math.nan}},
        {"body": {"mean": math.inf}},
        {"body": {"when": object()}},
        {"body": {"count": np.int64(3)}},
        {"body": [1]},
        {"rollout": "nul \0"},
        {"rollout": "x" * 401},
        {"rollout": 7},
        {"version": "x" * 801},
        {"version": "\udfff"},
        {"weight": 10_001},
        {"weight": -1},
        {"weight": 0.5},
        {"weight": True},
        {"weight": np.int64(5)},
    ],
)
def test_one_row_that_cannot_be_recorded_is_named_and_nothing_is_recorded(evidence, changes):
    with pytest.raises(Unstorable, match="row 1") as refused:
        evidence.flush("worker-1", 1, [ROW, replace(ROW, **{"version": "v2", **changes})])
    assert (refused.value.index, refused.value.field) == (1, next(iter(changes)))
    assert evidence.of("7") == []


def test_two_rows_of_the_same_counts_in_one_flush_are_refused(evidence):
    with pytest.raises(Unstorable, match="row 2, version counts what row 0 counts"):
        evidence.flush("worker-1", 1, [ROW, replace(ROW, weight=0), counted(4)])
    assert evidence.of("7") == []


@pytest.mark.parametrize(
    ("source", "serial", "field"),
    [
        ("nul \0", 1, "source"),
        ("x" * 401, 1, "source"),
        ("w", -1, "serial"),
        ("w", 2**63, "serial"),
        ("w", 1.0, "serial"),
    ],
)
def test_a_source_or_a_serial_that_cannot_be_recorded_is_named(evidence, source, serial, field):
    with pytest.raises(Unstorable) as refused:
        evidence.flush(source, serial, [ROW])
    assert (refused.value.index, refused.value.field) == (None, field)


def test_the_longest_keys_fit_both_databases(opened, ledger):
    longest = EvidenceStore(opened, _incompressible(800))
    row = EvidenceRow(_incompressible(400), _incompressible(800), 10_000, {})
    source, name = _incompressible(400), _incompressible(400)
    longest.flush(source, 2**63 - 1, [row])
    assert longest.of(row.rollout) == [row]
    assert longest.mark(row.rollout, name, {"a": 1}) == {"a": 1}
    assert longest.marks(row.rollout) == {name: {"a": 1}}


def test_a_mark_stands_as_its_first_writer_made_it(evidence):
    assert evidence.mark("7", "reference", {"of": [1, 2]}) == {"of": [1, 2]}
    assert evidence.mark("7", "reference", {"of": []}) == {"of": [1, 2]}
    assert evidence.mark("7", "restart", {}) == {}
    assert evidence.marks("7") == {"reference": {"of": [1, 2]}, "restart": {}}


def test_marks_are_those_of_this_rollout_and_this_model(opened, evidence):
    other = EvidenceStore(opened, "weather")
    evidence.mark("7", "reference", {"by": 1})
    evidence.mark("8", "reference", {"by": 2})
    other.mark("7", "reference", {"by": 3})
    assert evidence.marks("7") == {"reference": {"by": 1}}
    assert other.marks("7") == {"reference": {"by": 3}}
    assert evidence.marks("9") == {}


def test_the_first_and_the_later_writers_are_given_the_same_shapes(evidence):
    """Else the one who freezes a tuple would judge by other values than everybody who reads it."""
    assert (
        evidence.mark("7", "reference", {"of": (1, 2)})
        == evidence.marks("7")["reference"]
        == {"of": [1, 2]}
    )


@pytest.mark.parametrize(
    ("rollout", "name", "body", "field"),
    [
        ("nul \0", "reference", {}, "rollout"),
        ("7", "x" * 401, {}, "name"),
        ("7", "\ud800", {}, "name"),
        ("7", "reference", {"mean": math.nan}, "body"),
        ("7", "reference", None, "body"),
    ],
)
def test_a_mark_that_cannot_be_recorded_is_refused(evidence, rollout, name, body, field):
    with pytest.raises(Unstorable, match="Nothing was recorded") as refused:
        evidence.mark(rollout, name, body)
    assert refused.value.field == field
    assert evidence.marks("7") == {}


def test_a_question_that_no_key_can_answer_is_refused_alike_on_both_databases(opened, evidence):
    for ask in (evidence.of, evidence.marks):
        with pytest.raises(Unstorable, match="rollout holds a NUL"):
            ask("\0")
    with pytest.raises(Unstorable, match="model has 801 bytes"):
        EvidenceStore(opened, "m" * 801).flush("worker-1", 1, [ROW])


def test_of_many_threads_that_freeze_one_moment_all_are_given_the_same(opened, evidence):
    gate = threading.Barrier(12)

    def freeze(number: int) -> dict:
        gate.wait()
        return EvidenceStore(opened, "flights").mark("7", "reference", {"by": number})

    with ThreadPoolExecutor(12) as pool:
        given = list(pool.map(freeze, range(12)))

    assert given == [evidence.marks("7")["reference"]] * 12


def test_flushes_of_one_source_in_any_order_end_at_the_newest(opened, evidence):
    serials = [*range(1, 41)] * 2
    random.Random(7).shuffle(serials)

    def flush(serial: int) -> None:
        rows = [counted(serial), counted(serial, version="v2")]
        random.Random(serial).shuffle(rows)
        evidence.flush("worker-1", serial, rows)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(flush, serials))

    assert evidence.of("7") == [counted(40), counted(40, version="v2")]


def test_workers_that_flush_at_once_and_twice_are_each_counted_once(url, evidence):
    for process in [start(FLUSH, url, f"worker-{n}", "20") for n in range(4)]:
        assert finish(process)[-1] == "20"
    assert evidence.of("7") == [counted(20)] * 4 + [counted(20, version="v2")] * 4


def test_a_worker_killed_amid_its_flushes_leaves_the_last_ones_whole(url, evidence):
    worker = start(FLUSH, url, "worker-1", "1000000")
    told = [int(worker.stdout.readline()) for _ in range(10)][-1]
    worker.kill()
    told = max([told, *map(int, worker.communicate(timeout=300)[0].splitlines())])
    first, second = (row.body["finished"]["ok"] for row in evidence.of("7"))
    assert first == second
    assert first in (told, told + 1)


def test_missing_tables_are_reported_with_what_makes_them(opened):
    evidence = EvidenceStore(opened, "flights")
    for act in (
        lambda: evidence.flush("worker-1", 1, [ROW]),
        lambda: evidence.of("7"),
        lambda: evidence.mark("7", "reference", {}),
        lambda: evidence.marks("7"),
    ):
        with pytest.raises(StoreUnavailable, match="bring the stack up once"):
            act()


def test_a_flush_repeated_after_postgresql_was_away_counts_once(postgres_server, postgres_url):
    from store import LedgerStore

    made = engine(postgres_url)
    LedgerStore(made, "flights").create()
    evidence = EvidenceStore(made, "flights")
    evidence.flush("worker-1", 1, [ROW])
    postgres_server.stop()
    try:
        with pytest.raises(StoreUnavailable, match="See that the database runs"):
            evidence.flush("worker-1", 2, [counted(4)])
    finally:
        postgres_server.start()

    evidence.flush("worker-1", 2, [counted(4)])
    assert evidence.of("7") == [counted(4)]
    made.dispose()


def _incompressible(size: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(size))
