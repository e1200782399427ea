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

    outcomes: list = field(default_factory=list)

    def done(self, outcome):
        self.outcomes.append(outcome)


class LaneHarness:
    """A lane with its clock and its version."""

    def __init__(self, **limits):
        self.loop, self.version = FakeLoop(), FakePool()
        self.lane = Lane("v1", self.version, Limits(**limits), WorkerMetrics(), self.loop)

    def ask(self, *rows, timeout_s=10.0, row_bytes=0):
        raws = [msgspec.Raw((b"%d" % row).rjust(row_bytes)) for row in rows]
        caller = Caller(raws, self.loop.now + timeout_s)
        refused = self.lane.submit(caller)
        if refused is not None:
            caller.outcomes.append(refused)

        self.loop.run()
        return caller

    def after(self, seconds):
        self.loop.now += seconds

    def teach(self, rows_s, batches=8):
        """Let the version answer full batches at that speed."""
        for _ in range(batches):
            asked = self.ask(*range(self.lane.batch_sizer.batch_rows))
            while not asked.outcomes:
                rows = len(self.version.sent[0][0])
                self.after(rows / rows_s)
                self.version.answer()


def values(caller):
    """What it was answered."""
    (outcome,) = caller.outcomes
    assert isinstance(outcome, Predicted)
    return [int(bytes(raw)) for raw in outcome.predictions]


def test_a_request_of_many_rows_goes_in_parts_and_is_answered_as_one():
    harness = LaneHarness(max_batch_rows=8)
    asked = harness.ask(*range(20))
    sizes = []
    while harness.version.sent:
        sizes.append(len(harness.version.sent[0][0]))
        harness.version.answer()

    assert max(sizes) <= 8
    assert values(asked) == list(range(20))
    assert (harness.lane.queued_rows, harness.lane.large_rows, harness.lane.rows_in_flight) == (
        0,
        0,
        0,
    )


def test_parts_that_are_answered_in_another_order_are_put_together_in_theirs():
    harness = LaneHarness(max_batch_rows=8)
    asked = harness.ask(*range(16))
    while len(harness.version.sent) < 2:
        harness.ask(99)

    harness.version.sent.reverse()
    while harness.version.sent:
        harness.version.answer()

    assert values(asked) == list(range(16))


def test_a_bad_row_of_a_later_part_is_named_by_its_place_in_the_request():
    harness = LaneHarness(max_batch_rows=8)
    asked = harness.ask(*range(16))
    harness.version.answer()
    harness.version.answer([{"row": 3, "status": 422, "detail": "bad"}])
    while harness.version.sent:
        harness.version.answer()

    (outcome,) = asked.outcomes
    first = 16 - len(outcome.predictions) + 8
    assert [error.row for error in outcome.errors] == [first + 3]


def test_a_small_request_does_not_wait_for_a_large_one():
    harness = LaneHarness(max_batch_rows=8, max_batches_in_flight=1)
    large = harness.ask(*range(40))
    small = harness.ask(99)
    harness.version.answer()
    rows, _ = harness.version.sent[0]
    assert 99 in rows
    harness.version.answer()
    assert values(small) == [99]
    assert not large.outcomes


def test_large_requests_take_turns_and_small_ones_never_shut_them_out():
    harness = LaneHarness(max_batch_rows=8, max_batches_in_flight=1)
    harness.ask(0)
    large = [harness.ask(*range(start, start + 16)) for start in (100, 200)]
    for _ in range(40):
        for _ in range(8):
            harness.ask(1)
        harness.version.answer()

    assert [values(raw) for raw in large] == [list(range(100, 116)), list(range(200, 216))]


def test_of_a_large_request_that_lost_a_part_the_rest_is_not_sent():
    harness = LaneHarness(max_batch_rows=8, max_batches_in_flight=1)
    asked = harness.ask(*range(40))
    harness.version.fail("timeout")
    (outcome,) = asked.outcomes
    assert (outcome.reason, harness.version.sent, harness.lane.queued_rows) == ("timeout", [], 0)


def test_rows_that_would_wait_too_long_are_shed_at_once():
    harness = LaneHarness(max_batch_rows=8, max_queue_ms=10)
    harness.teach(rows_s=1_000)
    callers = [harness.ask(1) for _ in range(60)]
    refused = [raw for raw in callers if raw.outcomes]
    assert {raw.outcomes[0].reason for raw in refused} == {"shed"}
    assert len(refused) >= 25


def test_a_caller_in_a_hurry_is_shed_at_once_where_a_patient_one_waits():
    harness = LaneHarness(max_batch_rows=8, max_queue_ms=1_000)
    harness.teach(rows_s=1_000)
    for _ in range(60):
        harness.ask(1)

    hurried, patient = harness.ask(2, timeout_s=0.05), harness.ask(3)
    assert (hurried.outcomes[0].reason, patient.outcomes) == ("shed", [])


def test_what_is_let_in_under_overload_is_answered_before_its_deadline():
    harness = LaneHarness(max_batch_rows=8)
    harness.teach(rows_s=1_000)
    callers = []
    for _ in range(100):
        callers += [(harness.ask(1, timeout_s=0.1), harness.loop.now + 0.1) for _ in range(24)]
        harness.after(8 / 1_000)
        harness.lane.expire(harness.loop.now)
        harness.version.answer()

    outcomes = [raw.outcomes[0] for raw, deadline in callers if deadline < harness.loop.now]
    reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, DispatchError)}
    answered = sum(isinstance(outcome, Predicted) for outcome in outcomes)
    assert reasons == {"shed"}
    assert answered > 0.3 * len(outcomes)


def test_rows_whose_deadline_has_passed_are_not_sent():
    harness = LaneHarness(max_batches_in_flight=1)
    harness.ask(1)
    late, patient = harness.ask(2, timeout_s=0.1), harness.ask(3)
    harness.after(0.2)
    harness.lane.expire(harness.loop.now)
    harness.version.answer()
    assert late.outcomes[0].reason == "deadline"
    assert harness.version.sent[0][0] == [3]
    harness.version.answer()
    assert values(patient) == [3]


def test_a_deadline_that_passes_while_the_batch_is_under_way_is_told_then_and_only_once():
    harness = LaneHarness()
    late = harness.ask(1, timeout_s=0.1)
    harness.after(0.2)
    harness.lane.expire(harness.loop.now)
    assert [outcome.reason for outcome in late.outcomes] == ["deadline"]
    harness.lane.expire(harness.loop.now)
    harness.version.answer()
    assert len(late.outcomes) == 1


def test_a_callers_impatience_is_no_failure_of_the_version():
    harness = LaneHarness()
    for _ in range(5):
        harness.ask(1, timeout_s=0.001)
        harness.after(0.01)
        harness.lane.expire(harness.loop.now)
        harness.version.answer()

    assert not harness.ask(2).outcomes


@pytest.mark.parametrize("how", ["closed", "connect"])
def test_a_part_is_asked_again_once_where_its_connection_was_lost(how):
    harness = LaneHarness(max_batch_rows=8, max_batches_in_flight=1)
    asked = harness.ask(*range(12))
    harness.version.fail(how)
    while harness.version.sent:
        harness.version.answer()

    assert values(asked) == list(range(12))


def test_what_waits_is_told_when_the_version_leaves():
    harness = LaneHarness(max_batch_rows=8, max_batches_in_flight=1)
    harness.ask(0)
    small, large = harness.ask(1), harness.ask(*range(20))
    harness.lane.close()
    assert [raw.outcomes[0].reason for raw in (small, large)] == ["closed", "closed"]
    assert harness.lane.queued_rows == 0


def test_batches_of_a_version_that_times_out_become_smaller_until_it_answers():
    harness = LaneHarness(max_batch_rows=64, version_timeout_ms=1_000, max_batches_in_flight=1)
    sizes = []
    for _ in range(4):
        harness.after(2.0)
        harness.ask(*range(64))
        sizes.append(len(harness.version.sent[0][0]))
        harness.after(1.0)
        harness.version.fail("timeout")

    assert all(after < before for before, after in pairwise(sizes))


def down(**limits):
    """A lane of the only version there is."""
    harness = LaneHarness(**limits)
    harness.lane.waits = True
    return harness


def gone(harness, seconds):
    """Let the version be unreachable for so long, looked for all the time."""
    end = harness.loop.now + seconds
    while harness.loop.now < end:
        while harness.version.sent:
            harness.version.fail("connect")
        harness.loop.pass_time(0.05)
        harness.lane.expire(harness.loop.now)


def test_what_cannot_be_delivered_waits_for_the_restart_of_the_only_version():
    harness = down()
    early = harness.ask(1)
    gone(harness, 1.0)
    late = harness.ask(2)
    gone(harness, 2.0)
    assert (early.outcomes, late.outcomes, harness.version.sent[0][0]) == ([], [], [1, 2])
    harness.version.answer()
    assert (values(early), values(late)) == ([1], [2])
    assert (harness.lane.queued_rows, harness.lane.rows_in_flight) == (0, 0)


def test_a_request_of_many_rows_waits_for_the_restart_too():
    harness = down(max_batch_rows=8)
    asked = harness.ask(*range(20))
    harness.version.answer()
    gone(harness, 1.0)
    while harness.version.sent:
        harness.version.answer()

    assert values(asked) == list(range(20))


def test_nobody_waits_for_a_restart_beyond_its_own_deadline():
    harness = down()
    hurried, patient = harness.ask(1, timeout_s=0.5), harness.ask(2, timeout_s=5)
    gone(harness, 1.0)
    assert ([lost.reason for lost in hurried.outcomes], patient.outcomes) == (["deadline"], [])
    gone(harness, 5.0)
    assert [lost.reason for lost in patient.outcomes] == ["deadline"]
    assert (harness.lane.queued_rows, harness.version.sent) == (0, [])


def test_what_waits_for_a_restart_is_bounded_as_any_queue():
    harness = down(max_queue_rows=100)
    harness.ask(0)
    gone(harness, 0.1)
    callers = [harness.ask(*range(10)) for _ in range(20)]
    refused = [caller.outcomes[0].reason for caller in callers if caller.outcomes]
    assert set(refused) == {"shed"}
    assert harness.lane.queued_rows <= 100


def test_an_outage_longer_than_a_deadline_refuses_at_once_and_ends_with_the_first_answer():
    harness = down(deadline_ms=1_000)
    harness.ask(1, timeout_s=1.0)
    gone(harness, 1.5)
    late = harness.ask(2)
    gone(harness, 0.1)
    assert [lost.reason for lost in late.outcomes] == ["connect"]
    harness.after(10.0)
    back = harness.ask(3)
    harness.version.answer()
    again = harness.ask(4)
    gone(harness, 0.5)
    harness.version.answer()
    assert (values(back), values(again)) == ([3], [4])


def test_where_another_version_answers_nobody_waits():
    harness = LaneHarness()
    asked = harness.ask(1)
    harness.version.fail("connect")
    harness.version.fail("connect")
    assert [lost.reason for lost in asked.outcomes] == ["connect"]


def test_rows_that_end_every_process_are_given_to_three_and_take_nobody_with_them():
    harness = down(max_batches_in_flight=1)
    harness.ask(0)
    poison, innocent = harness.ask(13), harness.ask(1)
    harness.version.answer()
    ended = 0
    while not (poison.outcomes and innocent.outcomes):
        if 13 in harness.version.sent[0][0]:
            harness.version.fail("closed")
            ended += 1
            gone(harness, 1.0)
        else:
            harness.version.answer()

    assert (ended, poison.outcomes[0].reason, values(innocent)) == (3, "closed", [1])


def test_rows_that_failed_together_are_asked_for_by_caller_and_hurt_nobody_else():
    harness = LaneHarness()
    first = harness.ask(0)
    callers = [harness.ask(i) for i in range(1, 5)]
    harness.version.answer()
    unknown = [{"row": i, "status": 500, "detail": "together", "attributed": False} for i in (1, 2)]
    harness.version.answer([*unknown, {"row": 3, "status": 422, "detail": "its own"}])
    assert (values(first), values(callers[0])) == ([0], [1])
    assert [error.detail for error in callers[3].outcomes[0].errors] == ["its own"]
    harness.loop.run()
    assert callers[1].outcomes == callers[2].outcomes == []
    harness.version.answer([{"row": 0, "status": 500, "detail": "at fault"}])
    harness.version.answer()
    assert [error.detail for error in callers[1].outcomes[0].errors] == ["at fault"]
    assert values(callers[2]) == [3]


def test_a_large_request_ends_with_the_first_part_whose_rows_cannot_be_told_apart():
    harness = LaneHarness()
    caller = harness.ask(*range(2000))
    rows = len(harness.version.sent[0][0])
    harness.version.answer(
        [{"row": i, "status": 500, "detail": "together", "attributed": False} for i in range(rows)]
    )
    harness.loop.run()
    assert caller.outcomes == [DispatchError("model", "together")]


def test_a_batch_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(lane, "BATCH_BYTES", 50)
    harness = LaneHarness()
    harness.ask(1)
    for _ in range(10):
        harness.ask(10**19)

    harness.version.answer()
    assert len(harness.version.sent[0][0]) == 2


def test_requests_of_many_bytes_go_in_parts_beside_small_ones():
    harness = LaneHarness()
    harness.ask(1)
    heavy = harness.ask(*range(100, 120), row_bytes=20_000)
    single = harness.ask(7, row_bytes=100_000)
    sent = []
    while not (heavy.outcomes and single.outcomes):
        small = harness.ask(2)
        while not small.outcomes:
            sent.append(harness.version.sent[0][0])
            harness.version.answer()

    assert max(sum(row >= 100 for row in rows) for rows in sent) == lane.PART_BYTES // 20_000
    assert [sum(row >= 100 for row in rows) for rows in sent if 7 in rows] == [0]
    assert (values(heavy), values(single)) == (list(range(100, 120)), [7])
    assert (harness.lane.queued_rows, harness.lane.large_rows, harness.lane.rows_in_flight) == (
        0,
        0,
        0,
    )


def test_the_largest_batches_go_where_no_small_ones_come():
    harness = LaneHarness()
    harness.teach(1e6)
    harness.after(1.0)
    heavy = harness.ask(*range(60), row_bytes=20_000)
    assert [len(rows) for rows, _ in harness.version.sent] == [lane.BATCH_BYTES // 20_000] * 2
    while not heavy.outcomes:
        harness.version.answer()
    assert values(heavy) == list(range(60))


def test_a_large_request_takes_no_room_from_small_ones():
    harness = LaneHarness(max_queue_rows=2_000)
    harness.ask(*range(10_000))
    small = [harness.ask(i) for i in range(5)]
    assert not any(caller.outcomes for caller in small)
    another = harness.ask(*range(1_000))
    assert [lost.reason for lost in another.outcomes] == ["shed"]


def doubled(version):
    """Answer a batch with its numbers, and twice the numbers as a further output."""
    rows = version.sent[0][0]
    version.answer(outputs={"twice": [2 * row for row in rows]}, targets=["a"])


def twice(caller):
    """The further output that it was answered."""
    (outcome,) = caller.outcomes
    return [int(bytes(raw)) for raw in outcome.outputs["twice"]]


def test_further_outputs_are_given_to_each_caller_by_its_rows():
    harness = LaneHarness()
    first = harness.ask(1)
    second, third = harness.ask(2, 3), harness.ask(4)
    while harness.version.sent:
        doubled(harness.version)

    assert list(map(twice, (first, second, third))) == [[2], [4, 6], [8]]
    assert second.outcomes[0].targets == b'["a"]'


def test_further_outputs_of_a_request_in_parts_are_put_together():
    harness = LaneHarness(max_batch_rows=8)
    asked = harness.ask(*range(20))
    while harness.version.sent:
        doubled(harness.version)

    assert twice(asked) == list(range(0, 40, 2))


def test_further_outputs_of_another_number_of_rows_are_no_answer():
    harness = LaneHarness()
    asked = harness.ask(1, 2)
    harness.version.answer(outputs={"twice": [2]})
    (outcome,) = asked.outcomes
    assert isinstance(outcome, DispatchError)
    assert outcome.reason == "garbled"


def test_further_outputs_stay_with_their_rows_where_a_request_is_asked_again():
    harness = LaneHarness()
    first = harness.ask(0)
    second, third = harness.ask(1, 2), harness.ask(3)
    doubled(harness.version)
    rows = harness.version.sent[0][0]
    unknown = {"row": 0, "status": 500, "detail": "one of these", "attributed": False}
    harness.version.answer([unknown], outputs={"twice": [2 * row for row in rows]})
    while harness.version.sent:
        doubled(harness.version)

    assert list(map(twice, (first, second, third))) == [[0], [2, 4], [6]]


def test_each_process_of_a_version_gets_a_batch_at_once():
    harness = LaneHarness()
    harness.version.processes.count = 3
    callers = [harness.ask(number) for number in range(5)]
    assert [rows for rows, _ in harness.version.sent] == [[0], [1], [2]]

    harness.version.answer()
    assert [rows for rows, _ in harness.version.sent] == [[1], [2], [3, 4]]

    for _ in range(3):
        harness.version.answer()
    assert [values(caller) for caller in callers] == [[0], [1], [2], [3], [4]]


def test_beside_a_batch_in_each_process_goes_only_a_large_one():
    harness = LaneHarness(max_batches_in_flight=2)
    harness.version.processes.count = 2
    harness.ask(1), harness.ask(2)
    for number in range(lane.ROWS_BESIDE_ANOTHER):
        assert len(harness.version.sent) == 2
        harness.ask(number)

    assert len(harness.version.sent) == 3
    for number in range(4 * lane.ROWS_BESIDE_ANOTHER):
        harness.ask(number)

    assert len(harness.version.sent) == 4
