"""One lane with a clock that stands still and a version that answers when told: what leaves, and in
which order.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pytest

from rollout.settings import Limits
from router.dispatch import lane
from router.dispatch.lane import Lane
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.worker_metrics import WorkerMetrics
from tests.router.fakes import FakeLoop, FakePool


@dataclass(slots=True)
class Caller(Pending):
    """Keeps what it is told."""

    told: list = field(default_factory=list)

    def done(self, outcome):
        self.told.append(outcome)


class Place:
    """A lane with its clock and its version."""

    def __init__(self, **limits):
        self.loop, self.version = FakeLoop(), FakePool()
        self.lane = Lane("v1", self.version, Limits(**limits), WorkerMetrics(), self.loop)

    def ask(self, *rows, timeout_s=10.0, row_bytes=0):
        raws = [msgspec.Raw((b"%d" % row).rjust(row_bytes)) for row in rows]
        caller = Caller(raws, self.loop.now + timeout_s)
        refused = self.lane.submit(caller)
        if refused is not None:
            caller.told.append(refused)

        self.loop.run()
        return caller

    def after(self, seconds):
        self.loop.now += seconds

    def teach(self, rows_s, batches=8):
        """Let the version answer full batches at that speed."""
        for _ in range(batches):
            asked = self.ask(*range(self.lane.batch_sizer.batch_rows))
            while not asked.told:
                rows = len(self.version.sent[0][0])
                self.after(rows / rows_s)
                self.version.answer()


def values(caller):
    """What it was answered."""
    (outcome,) = caller.told
    assert isinstance(outcome, Predicted)
    return [int(bytes(each)) for each in outcome.predictions]


def test_a_request_of_many_rows_goes_in_parts_and_is_answered_as_one():
    place = Place(max_batch_rows=8)
    asked = place.ask(*range(20))
    sizes = []
    while place.version.sent:
        sizes.append(len(place.version.sent[0][0]))
        place.version.answer()

    assert max(sizes) <= 8
    assert values(asked) == list(range(20))
    assert (place.lane.queued_rows, place.lane.large_rows, place.lane.rows_in_flight) == (0, 0, 0)


def test_parts_that_are_answered_in_another_order_are_put_together_in_theirs():
    place = Place(max_batch_rows=8)
    asked = place.ask(*range(16))
    while len(place.version.sent) < 2:
        place.ask(99)

    place.version.sent.reverse()
    while place.version.sent:
        place.version.answer()

    assert values(asked) == list(range(16))


def test_a_bad_row_of_a_later_part_is_named_by_its_place_in_the_request():
    place = Place(max_batch_rows=8)
    asked = place.ask(*range(16))
    place.version.answer()
    place.version.answer([{"row": 3, "status": 422, "detail": "bad"}])
    while place.version.sent:
        place.version.answer()

    (outcome,) = asked.told
    first = 16 - len(outcome.predictions) + 8
    assert [error.row for error in outcome.errors] == [first + 3]


def test_a_small_request_does_not_wait_for_a_large_one():
    place = Place(max_batch_rows=8, max_batches_in_flight=1)
    large = place.ask(*range(40))
    small = place.ask(99)
    place.version.answer()
    rows, _ = place.version.sent[0]
    assert 99 in rows
    place.version.answer()
    assert values(small) == [99]
    assert not large.told


def test_large_requests_take_turns_and_small_ones_never_shut_them_out():
    place = Place(max_batch_rows=8, max_batches_in_flight=1)
    place.ask(0)
    large = [place.ask(*range(start, start + 16)) for start in (100, 200)]
    for _ in range(40):
        for _ in range(8):
            place.ask(1)
        place.version.answer()

    assert [values(each) for each in large] == [list(range(100, 116)), list(range(200, 216))]


def test_of_a_large_request_that_lost_a_part_the_rest_is_not_sent():
    place = Place(max_batch_rows=8, max_batches_in_flight=1)
    asked = place.ask(*range(40))
    place.version.fail("timeout")
    (outcome,) = asked.told
    assert (outcome.reason, place.version.sent, place.lane.queued_rows) == ("timeout", [], 0)


def test_rows_that_would_wait_too_long_are_shed_at_once():
    place = Place(max_batch_rows=8, max_queue_ms=10)
    place.teach(rows_s=1_000)
    callers = [place.ask(1) for _ in range(60)]
    refused = [each for each in callers if each.told]
    assert {each.told[0].reason for each in refused} == {"shed"}
    assert len(refused) >= 25


def test_a_caller_in_a_hurry_is_shed_at_once_where_a_patient_one_waits():
    place = Place(max_batch_rows=8, max_queue_ms=1_000)
    place.teach(rows_s=1_000)
    for _ in range(60):
        place.ask(1)

    hurried, patient = place.ask(2, timeout_s=0.05), place.ask(3)
    assert (hurried.told[0].reason, patient.told) == ("shed", [])


def test_what_is_let_in_under_overload_is_answered_before_its_deadline():
    place = Place(max_batch_rows=8)
    place.teach(rows_s=1_000)
    callers = []
    for _ in range(100):
        callers += [(place.ask(1, timeout_s=0.1), place.loop.now + 0.1) for _ in range(24)]
        place.after(8 / 1_000)
        place.lane.expire(place.loop.now)
        place.version.answer()

    told = [each.told[0] for each, deadline in callers if deadline < place.loop.now]
    reasons = {outcome.reason for outcome in told if isinstance(outcome, DispatchError)}
    answered = sum(isinstance(outcome, Predicted) for outcome in told)
    assert reasons == {"shed"}
    assert answered > 0.3 * len(told)


def test_rows_whose_deadline_has_passed_are_not_sent():
    place = Place(max_batches_in_flight=1)
    place.ask(1)
    late, patient = place.ask(2, timeout_s=0.1), place.ask(3)
    place.after(0.2)
    place.lane.expire(place.loop.now)
    place.version.answer()
    assert late.told[0].reason == "deadline"
    assert place.version.sent[0][0] == [3]
    place.version.answer()
    assert values(patient) == [3]


def test_a_deadline_that_passes_while_the_batch_is_under_way_is_told_then_and_only_once():
    place = Place()
    late = place.ask(1, timeout_s=0.1)
    place.after(0.2)
    place.lane.expire(place.loop.now)
    assert [outcome.reason for outcome in late.told] == ["deadline"]
    place.lane.expire(place.loop.now)
    place.version.answer()
    assert len(late.told) == 1


def test_a_callers_impatience_is_no_failure_of_the_version():
    place = Place()
    for _ in range(5):
        place.ask(1, timeout_s=0.001)
        place.after(0.01)
        place.lane.expire(place.loop.now)
        place.version.answer()

    assert not place.ask(2).told


@pytest.mark.parametrize("how", ["closed", "connect"])
def test_a_part_is_asked_again_once_where_its_connection_was_lost(how):
    place = Place(max_batch_rows=8, max_batches_in_flight=1)
    asked = place.ask(*range(12))
    place.version.fail(how)
    while place.version.sent:
        place.version.answer()

    assert values(asked) == list(range(12))


def test_what_waits_is_told_when_the_version_leaves():
    place = Place(max_batch_rows=8, max_batches_in_flight=1)
    place.ask(0)
    small, large = place.ask(1), place.ask(*range(20))
    place.lane.close()
    assert [each.told[0].reason for each in (small, large)] == ["closed", "closed"]
    assert place.lane.queued_rows == 0


def test_batches_of_a_version_that_times_out_become_smaller_until_it_answers():
    place = Place(max_batch_rows=64, version_timeout_ms=1_000, max_batches_in_flight=1)
    sizes = []
    for _ in range(4):
        place.after(2.0)
        place.ask(*range(64))
        sizes.append(len(place.version.sent[0][0]))
        place.after(1.0)
        place.version.fail("timeout")

    assert all(after < before for before, after in pairwise(sizes))


def down(**limits):
    """A lane of the only version there is."""
    place = Place(**limits)
    place.lane.waits = True
    return place


def gone(place, seconds):
    """Let the version be unreachable for so long, looked for all the time."""
    end = place.loop.now + seconds
    while place.loop.now < end:
        while place.version.sent:
            place.version.fail("connect")
        place.loop.pass_time(0.05)
        place.lane.expire(place.loop.now)


def test_what_cannot_be_delivered_waits_for_the_restart_of_the_only_version():
    place = down()
    early = place.ask(1)
    gone(place, 1.0)
    late = place.ask(2)
    gone(place, 2.0)
    assert (early.told, late.told, place.version.sent[0][0]) == ([], [], [1, 2])
    place.version.answer()
    assert (values(early), values(late)) == ([1], [2])
    assert (place.lane.queued_rows, place.lane.rows_in_flight) == (0, 0)


def test_a_request_of_many_rows_waits_for_the_restart_too():
    place = down(max_batch_rows=8)
    asked = place.ask(*range(20))
    place.version.answer()
    gone(place, 1.0)
    while place.version.sent:
        place.version.answer()

    assert values(asked) == list(range(20))


def test_nobody_waits_for_a_restart_beyond_its_own_deadline():
    place = down()
    hurried, patient = place.ask(1, timeout_s=0.5), place.ask(2, timeout_s=5)
    gone(place, 1.0)
    assert ([lost.reason for lost in hurried.told], patient.told) == (["deadline"], [])
    gone(place, 5.0)
    assert [lost.reason for lost in patient.told] == ["deadline"]
    assert (place.lane.queued_rows, place.version.sent) == (0, [])


def test_what_waits_for_a_restart_is_bounded_as_any_queue():
    place = down(max_queue_rows=100)
    place.ask(0)
    gone(place, 0.1)
    callers = [place.ask(*range(10)) for _ in range(20)]
    refused = [caller.told[0].reason for caller in callers if caller.told]
    assert set(refused) == {"shed"}
    assert place.lane.queued_rows <= 100


def test_an_outage_longer_than_a_deadline_refuses_at_once_and_ends_with_the_first_answer():
    place = down(deadline_ms=1_000)
    place.ask(1, timeout_s=1.0)
    gone(place, 1.5)
    late = place.ask(2)
    gone(place, 0.1)
    assert [lost.reason for lost in late.told] == ["connect"]
    place.after(10.0)
    back = place.ask(3)
    place.version.answer()
    again = place.ask(4)
    gone(place, 0.5)
    place.version.answer()
    assert (values(back), values(again)) == ([3], [4])


def test_where_another_version_answers_nobody_waits():
    place = Place()
    asked = place.ask(1)
    place.version.fail("connect")
    place.version.fail("connect")
    assert [lost.reason for lost in asked.told] == ["connect"]


def test_rows_that_end_every_process_are_given_to_three_and_take_nobody_with_them():
    place = down(max_batches_in_flight=1)
    place.ask(0)
    poison, innocent = place.ask(13), place.ask(1)
    place.version.answer()
    ended = 0
    while not (poison.told and innocent.told):
        if 13 in place.version.sent[0][0]:
            place.version.fail("closed")
            ended += 1
            gone(place, 1.0)
        else:
            place.version.answer()

    assert (ended, poison.told[0].reason, values(innocent)) == (3, "closed", [1])


def test_rows_that_failed_together_are_asked_for_by_caller_and_hurt_nobody_else():
    place = Place()
    first = place.ask(0)
    callers = [place.ask(i) for i in range(1, 5)]
    place.version.answer()
    unknown = [{"row": i, "status": 500, "detail": "together", "attributed": False} for i in (1, 2)]
    place.version.answer([*unknown, {"row": 3, "status": 422, "detail": "its own"}])
    assert (values(first), values(callers[0])) == ([0], [1])
    assert [error.detail for error in callers[3].told[0].errors] == ["its own"]
    place.loop.run()
    assert callers[1].told == callers[2].told == []
    place.version.answer([{"row": 0, "status": 500, "detail": "at fault"}])
    place.version.answer()
    assert [error.detail for error in callers[1].told[0].errors] == ["at fault"]
    assert values(callers[2]) == [3]


def test_a_large_request_ends_with_the_first_part_whose_rows_cannot_be_told_apart():
    place = Place()
    caller = place.ask(*range(2000))
    rows = len(place.version.sent[0][0])
    place.version.answer(
        [{"row": i, "status": 500, "detail": "together", "attributed": False} for i in range(rows)]
    )
    place.loop.run()
    assert caller.told == [DispatchError("model", "together")]


def test_a_batch_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(lane, "BATCH_BYTES", 50)
    place = Place()
    place.ask(1)
    for _ in range(10):
        place.ask(10**19)

    place.version.answer()
    assert len(place.version.sent[0][0]) == 2


def test_requests_of_many_bytes_go_in_parts_beside_small_ones():
    place = Place()
    place.ask(1)
    heavy = place.ask(*range(100, 120), row_bytes=20_000)
    single = place.ask(7, row_bytes=100_000)
    sent = []
    while not (heavy.told and single.told):
        small = place.ask(2)
        while not small.told:
            sent.append(place.version.sent[0][0])
            place.version.answer()

    assert max(sum(row >= 100 for row in rows) for rows in sent) == lane.PART_BYTES // 20_000
    assert [sum(row >= 100 for row in rows) for rows in sent if 7 in rows] == [0]
    assert (values(heavy), values(single)) == (list(range(100, 120)), [7])
    assert (place.lane.queued_rows, place.lane.large_rows, place.lane.rows_in_flight) == (0, 0, 0)


def test_the_largest_batches_go_where_no_small_ones_come():
    place = Place()
    place.teach(1e6)
    place.after(1.0)
    heavy = place.ask(*range(60), row_bytes=20_000)
    assert [len(rows) for rows, _ in place.version.sent] == [lane.BATCH_BYTES // 20_000] * 2
    while not heavy.told:
        place.version.answer()
    assert values(heavy) == list(range(60))


def test_a_large_request_takes_no_room_from_small_ones():
    place = Place(max_queue_rows=2_000)
    place.ask(*range(10_000))
    small = [place.ask(i) for i in range(5)]
    assert not any(caller.told for caller in small)
    another = place.ask(*range(1_000))
    assert [lost.reason for lost in another.told] == ["shed"]
