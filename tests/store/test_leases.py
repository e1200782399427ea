"""One conducts at a time; when it is gone, one other follows."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import Lease, LeaseStore, LeaseTimes, StoreUnavailable, Unstorable
from tests.store.processes import CONDUCT, TAKE, finish, start
from tests.until import until

WAIT_S = 1.0


@pytest.fixture
def leases(opened, ledger):
    return LeaseStore(opened, "flights")


def test_nobody_has_the_lease_at_first(leases):
    assert leases.look() is None


def test_a_lease_is_taken_renewed_and_taken_over(leases):
    mine = leases.take(None, "ann")
    assert mine == leases.look() == Lease("ann", 1)
    again = leases.renew(mine)
    assert again == leases.look() == Lease("ann", 2)
    assert leases.take(again, "bob") == leases.look() == Lease("bob", 3)


def test_a_lease_taken_over_cannot_be_renewed(leases):
    mine = leases.take(None, "ann")
    leases.take(mine, "bob")
    assert leases.renew(mine) is None
    assert leases.look() == Lease("bob", 2)


def test_a_lease_that_nobody_took_cannot_be_renewed(leases):
    assert leases.renew(Lease("ann", 1)) is None
    assert leases.look() is None


def test_who_saw_no_lease_takes_none_that_is_there(leases):
    leases.take(None, "ann")
    assert leases.take(None, "bob") is None
    assert leases.take(None, "ann") is None
    assert leases.look() == Lease("ann", 1)


@pytest.mark.parametrize("seen", [Lease("ann", 1), Lease("bob", 2), Lease("ann", 3)])
def test_who_saw_another_lease_than_stands_takes_none(leases, seen):
    leases.renew(leases.take(None, "ann"))
    assert leases.take(seen, "bob") is None
    assert leases.look() == Lease("ann", 2)


def test_a_lease_seen_before_any_was_recorded_takes_none(leases):
    assert leases.take(Lease("ann", 1), "bob") is None
    assert leases.look() is None


def test_a_renewal_recorded_without_an_answer_loses_nothing(leases):
    mine = leases.take(None, "ann")
    leases.renew(mine)
    assert leases.renew(mine) == Lease("ann", 3)


def test_models_have_leases_of_their_own(opened, leases):
    other = LeaseStore(opened, "weather")
    mine = leases.take(None, "ann")
    theirs = other.take(None, "bob")
    assert leases.renew(mine) == Lease("ann", 2)
    assert other.look() == theirs == Lease("bob", 1)


def test_a_beat_outlasts_32_bits(opened, leases):
    with opened.connect() as connection:
        connection.exec_driver_sql(f"INSERT INTO leases VALUES ('flights', 'ann', {2**31 - 1})")
    assert leases.renew(leases.look()) == leases.look() == Lease("ann", 2**31)


@pytest.mark.parametrize("holder", ["nul \0", "\ud800", None])
def test_a_holder_that_cannot_be_recorded_is_refused(leases, holder):
    for seen in (None, Lease("ann", 1)):
        with pytest.raises(Unstorable, match="holder"):
            leases.take(seen, holder)
    assert leases.look() is None


def test_missing_tables_are_reported_with_what_makes_them(opened):
    leases = LeaseStore(opened, "flights")
    for act in (
        leases.look,
        lambda: leases.take(None, "ann"),
        lambda: leases.renew(Lease("ann", 1)),
    ):
        with pytest.raises(StoreUnavailable, match="bring the stack up once"):
            act()


def test_of_many_threads_exactly_one_takes_each_beat(opened, leases):
    gate = threading.Barrier(12)

    def race(name: str) -> list[bool]:
        won = []
        for _ in range(10):
            gate.wait()
            seen = leases.look()
            gate.wait()
            won.append(LeaseStore(opened, "flights").take(seen, name) is not None)

        return won

    with ThreadPoolExecutor(12) as pool:
        rounds = zip(*pool.map(race, [f"process {n}" for n in range(12)]), strict=True)

    assert [Counter(each) for each in rounds] == [{True: 1, False: 11}] * 10
    assert leases.look().beat == 10


def test_of_many_processes_exactly_one_takes_each_beat(url, leases):
    racers = [start(TAKE, url, f"process-{n}", "25") for n in range(4)]
    lines = [line.split() for racer in racers for line in finish(racer)]
    assert sorted(int(beat) for beat, told in lines if told == "won") == list(range(1, 26))
    assert len(lines) == 100


def test_when_the_holder_is_killed_exactly_one_other_follows(url, leases):
    running = {f"process-{n}": start(CONDUCT, url, f"process-{n}", str(WAIT_S)) for n in range(4)}
    try:
        for process in running.values():
            assert process.stdout.readline() == "ready\n"
        first = until(leases.look, "somebody took the lease")
        until(lambda: leases.look().beat > first.beat + 5, "the holder renews")
        held = leases.look().holder
        running[held].kill()
        running[held].wait(timeout=300)
        left = leases.look()
        until(lambda: leases.look().holder != held, "another one took the lease over")
        until(lambda: leases.look().beat > left.beat + 5, "the follower renews")
        assert leases.look().holder in running.keys() - {held}
    finally:
        for process in running.values():
            process.kill()
        told = [process.communicate(timeout=300) for process in running.values()]

    assert not any(said for _, said in told)
    beats = [int(line) for lines, _ in told for line in lines.splitlines()]
    assert len(beats) == len(set(beats)), "a beat had two holders"


def test_patience_waits_for_one_beat_to_last():
    patience, lease = LeaseTimes(5.0), Lease("ann", 1)
    assert not patience.may_take(lease, 100.0)
    assert not patience.may_take(lease, 104.9)
    assert patience.may_take(lease, 105.0)


@pytest.mark.parametrize("other", [Lease("ann", 2), Lease("bob", 1)])
def test_patience_begins_anew_with_each_beat_and_each_holder(other):
    patience, lease = LeaseTimes(5.0), Lease("ann", 1)
    patience.may_take(lease, 100.0)
    assert not patience.may_take(other, 106.0)
    assert not patience.may_take(other, 110.9)
    assert patience.may_take(other, 111.0)


def test_patience_need_not_wait_where_nobody_ever_had_the_lease():
    assert LeaseTimes(5.0).may_take(None, 0.0)


def test_patience_does_not_count_from_before_its_first_look():
    assert not LeaseTimes(5.0).may_take(Lease("ann", 1), 1e9)
