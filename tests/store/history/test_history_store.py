"""The history on disk: each count once, however often it is handed in; little space; one look."""

import pytest

from rollout.history.counts import CellKey, from_body, merged, to_body
from rollout.history.levels import HOURS, MINUTES, ROLLED, rolled_up
from rollout.history.reader import HistoryReader
from store.engine import transaction
from store.errors import StoreUnavailable
from store.history.history_store import HistoryStore, is_missing
from store.history.tables import HISTORY_TABLES, history_engine

NOW = 1_800_000_000


def counts(number, version="v1"):
    return to_body({CellKey(version, "serving", ""): {"requests": {"2xx": number}}})


@pytest.fixture
def history(opened):
    store = HistoryStore(opened, "flights")
    store.create()
    return store


def roll(store, most=100):
    with store.rolling_up() as rolling:
        samples = []
        for block in rolling.blocks(most):
            samples += [(at, from_body(body)) for at, body in block]

        for level in ROLLED:
            for at, new in rolled_up(samples, level.step).items():
                stands = from_body(rolling.step(level.step, at))
                rolling.put(level.step, at, to_body(merged([stands, new])))

        rolling.done()


def reader(store, now=NOW + 10):
    return HistoryReader(store, lambda: now)


def total(store, step=1, since=NOW - 60, now=NOW + 10):
    series = reader(store, now).series(since, now + 2, step)
    return {name: one.requests for name, one in series.total.items()}


def test_a_block_is_recorded_once_and_only_after_the_one_before_it(history):
    assert history.handed_in("m") is None
    assert history.hand_in("m", 0, [(NOW, counts(3))], counts(3), NOW + 1)
    for before in (0, 2):
        assert not history.hand_in("m", before, [(NOW, counts(3))], counts(3), NOW + 1)

    assert history.hand_in("m", 1, [(NOW + 1, counts(4))], counts(7), NOW + 2)
    stands = history.handed_in("m")
    assert (stands.serial, stands.at, stands.totals) == (2, NOW + 2, counts(7))
    assert total(history) == {"v1": 7}


def test_machines_are_added_up_and_models_are_not(history, opened):
    other = HistoryStore(opened, "weather")
    history.hand_in("m", 0, [(NOW, counts(3))], counts(3), NOW)
    history.hand_in("n", 0, [(NOW, counts(4, "v2"))], counts(4), NOW)
    other.hand_in("m", 0, [(NOW, counts(9))], counts(9), NOW)
    assert total(history) == {"v1": 3, "v2": 4}
    assert total(other) == {"v1": 9}


@pytest.mark.parametrize("step", [60, 3600])
def test_what_is_rolled_up_and_what_is_not_yet_count_once_together(history, step):
    for serial in range(5):
        at = NOW - 30 + 10 * serial
        history.hand_in("m", serial, [(at, counts(1)), (at + 1, counts(2))], counts(0), at)
        if serial in (1, 3):
            roll(history, most=1 + serial)
            roll(history)

    assert total(history, step) == {"v1": 15}
    assert total(history, 1) == {"v1": 15}


def test_a_block_that_comes_late_is_added_to_the_steps_it_belongs_to(history):
    history.hand_in("m", 0, [(NOW, counts(1))], counts(1), NOW)
    roll(history)
    history.hand_in("n", 0, [(NOW - 50, counts(2))], counts(2), NOW)
    roll(history)
    assert total(history, 60) == {"v1": 3}


def test_what_is_old_is_deleted_but_not_before_it_is_rolled_up(history):
    history.hand_in("m", 0, [(NOW, counts(1))], counts(1), NOW)
    steps = {MINUTES.step: NOW, HOURS.step: NOW}
    history.forget(NOW + 1, steps, NOW)
    assert total(history) == {"v1": 1}
    roll(history)
    history.forget(NOW + 1, steps, NOW)
    assert total(history) == {}
    assert total(history, 60) == {"v1": 1}
    history.forget(NOW + 1, {MINUTES.step: NOW + 60, HOURS.step: NOW}, NOW)
    assert total(history, 60) == {}
    assert total(history, 3600) == {"v1": 1}


def test_moments_are_kept_once_and_the_newest_of_a_time_is_told(history):
    assert history.moment_at(NOW) is None
    history.keep_moment(NOW, 3, {"asked": {"v1": 10_000}})
    history.keep_moment(NOW, 4, {"asked": {}})
    history.keep_moment(NOW + 5, 4, {"asked": {"v2": 1}})
    assert history.moment_at(NOW - 1) is None
    assert history.moment_at(NOW + 4) == (NOW, 3, {"asked": {"v1": 10_000}})
    assert history.times_of_moments() == [(NOW, 3), (NOW + 5, 4)]
    history.forget_moments([NOW])
    assert [at for at, *_ in history.moments(0, NOW + 9)] == [NOW + 5]


def test_the_age_is_that_of_the_newest_machine(history):
    assert reader(history).series(NOW - 5, NOW).age_s is None
    history.hand_in("m", 0, [], counts(0), NOW)
    history.hand_in("n", 0, [], counts(0), NOW + 4)
    assert reader(history).series(NOW - 5, NOW).age_s == 6.0
    history.note("m", NOW + 8)
    assert reader(history).series(NOW - 5, NOW).age_s == 2.0


def test_a_history_without_tables_says_so_and_is_made_anew(opened):
    store = HistoryStore(opened, "flights")
    with pytest.raises(StoreUnavailable) as error:
        store.handed_in("m")

    assert is_missing(error.value)
    store.create()
    assert store.handed_in("m") is None


def test_a_reader_does_not_take_a_new_history_for_the_one_that_was_deleted(history, opened):
    seen = reader(history)
    history.hand_in("m", 0, [(NOW, counts(1))], counts(1), NOW)
    assert seen.series(NOW - 60, NOW + 60).total["v1"].requests == 1
    for table in HISTORY_TABLES.tables.values():
        with transaction(history_engine(opened)) as connection:
            connection.execute(table.delete())

    history.hand_in("m", 0, [(NOW + 5, counts(2))], counts(2), NOW + 5)
    assert seen.series(NOW - 60, NOW + 60).total["v1"].requests == 2


def test_a_deleted_file_is_made_anew(tmp_path):
    from store.engine import engine

    ledger = engine(f"sqlite:///{tmp_path}/ledger.db")
    store = HistoryStore(ledger, "flights")
    store.create()
    store.hand_in("m", 0, [(NOW, counts(1))], counts(1), NOW)
    for path in tmp_path.glob("ledger-history.db*"):
        path.unlink()

    with pytest.raises(StoreUnavailable) as error:
        store.handed_in("m")

    assert is_missing(error.value)
    store.create()
    assert store.handed_in("m") is None
    ledger.dispose()
