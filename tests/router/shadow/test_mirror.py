"""Copies: who gets one, and what its outcome counts as in the verdict."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from rollout.decide.transitions import ended
from rollout.state.classes import Answers
from router.dispatch.work_items import Predicted
from router.evidence.prediction_id import signature_of
from router.shadow.mirror import Mirror, agree, distance
from router.shadow.shadow_buffer import AT_ONCE, ShadowBuffer
from store.shadow_answers import ShadowAnswer
from tests.router.fakes import DispatcherHarness, begun, deployed


class Copied:
    """A harness whose chance is given and whose every answer is copied."""

    def __init__(self, ledger, chance=0.0):
        self.harness = DispatcherHarness(ledger)
        self.harness.traffic.mirror.chance = lambda: chance

    def copy(self, *values, prediction_id=b"bets"):
        rows = [msgspec.Raw(b"%d" % value) for value in values]
        self.harness.traffic.mirror.copy(rows, Predicted(rows, [], b"null"), prediction_id)
        self.harness.loop.run()

    def kept(self):
        return self.harness.traffic.mirror.kept.take()

    def counted(self, version="v2", weight=0):
        return self.harness.counted(version, weight)


def shadow(**judging):
    return begun(deployed("v1", "v2"), how="shadow", **judging)


def switched():
    return begun(deployed("v1", "v2"), how="blue-green")


def test_of_a_judged_shadow_nine_in_ten_copies_go_to_the_candidate_by_chance():
    copied = Copied(shadow(), chance=0.89)
    copied.copy(1)
    copied.harness.versions["v2"].answer()
    assert copied.counted() == {"copies": {"agree": 1}}


def test_the_others_ask_the_stable_version_once_more_as_the_noise_floor():
    copied = Copied(shadow(), chance=0.9)
    copied.copy(1)
    assert copied.harness.versions["v2"].sent == []
    copied.harness.versions["v1"].answer()
    assert copied.counted() == {"control": {"agree": 1}}


def test_by_default_it_is_chance_that_decides_and_not_a_turn():
    copied = Copied(shadow())
    copied.harness.traffic.mirror.chance = Mirror.__init__.__defaults__[-1]
    for _ in range(1000):
        copied.copy(1)
        for version in copied.harness.versions.values():
            while version.sent:
                version.answer()

    mirrored = copied.counted()
    # 100 are expected, with a standard deviation of 9.5.
    assert 50 < mirrored["control"]["agree"] < 150
    assert mirrored["copies"]["agree"] + mirrored["control"]["agree"] == 1000


def test_what_differs_and_what_fails_counts_by_the_first_row():
    copied = Copied(shadow(), chance=0.0)
    version = copied.harness.versions["v2"]
    copied.copy(1, 2)
    version.sent[0] = ([5, 2], version.sent[0][1])
    version.answer()
    copied.copy(1, 2)
    version.answer(errors=[{"row": 1, "status": 500, "detail": "as asked"}])
    copied.copy(1)
    version.answer(status=500)
    assert copied.counted() == {"copies": {"differ": 1, "agree": 1, "error": 1}}


def test_copies_of_a_shadow_that_nobody_judges_all_go_to_it_and_count_nowhere_in_a_verdict():
    copied = Copied(begun(deployed("v1", "v2"), how="shadow", auto=False), chance=0.99)
    copied.copy(1)
    copied.harness.versions["v2"].answer()
    assert copied.counted() == {}


def test_in_a_watched_switch_copies_only_keep_the_old_version_warm():
    """Pairs compare the two, so one outage would count as often as requests came."""
    copied = Copied(switched(), chance=0.99)
    copied.copy(1)
    copied.harness.versions["v1"].answer(status=500)
    assert copied.counted(weight=10_000) == {}


def test_a_copy_under_way_counts_as_what_it_was_sent_for_when_the_rollout_has_ended_meanwhile():
    ledger = shadow()
    copied = Copied(ledger, chance=0.0)
    copied.copy(1)
    over = replace(ended(ledger, ledger.running()), revision=5)
    copied.harness.follow(over)
    copied.harness.follow(begun(over, how="blue-green"))
    copied.harness.versions["v2"].answer()
    bodies = {row[:3]: row[3] for row in copied.harness.traffic.tallies.rows()}
    assert bodies[ledger.running().id, "v2", 0] == {"copies": {"agree": 1}}


def test_without_room_a_copy_is_dropped_and_counts_for_nobody():
    copied = Copied(shadow(), chance=0.0)
    copied.harness.traffic.lanes[
        "v2"
    ].queued_rows = copied.harness.traffic.settings.limits.max_shadow_queue_rows
    copied.copy(1)
    assert copied.harness.traffic.counts.values["shadow_dropped", "v2"] == 1
    assert copied.counted() == {}


# Answers that wait for a label.


def test_what_the_candidate_answered_is_kept_by_the_id_of_the_users_answer():
    copied = Copied(shadow(), chance=0.0)
    copied.copy(1, prediction_id=b"one")
    copied.harness.versions["v2"].answer()
    copied.copy(3, 4, prediction_id=b"two")
    copied.harness.versions["v2"].answer()
    number = copied.harness.traffic.table.rolling.number
    one, two = signature_of(b"one"), signature_of(b"two")
    assert copied.kept() == {
        number: [ShadowAnswer(one, 1.0, "1"), ShadowAnswer(f"{two}.0", 3.0, "3")]
    }
    assert copied.kept() == {}


def test_nothing_is_kept_of_the_noise_floor_of_what_does_not_bet_and_of_what_was_not_answered():
    floor = Copied(shadow(), chance=0.95)
    floor.copy(1, prediction_id=b"one")
    floor.harness.versions["v1"].answer()
    copied = Copied(shadow(), chance=0.0)
    copied.copy(1, prediction_id=b"")
    copied.harness.versions["v2"].answer()
    copied.copy(1, prediction_id=b"two")
    copied.harness.versions["v2"].answer(status=500)
    copied.copy(1, prediction_id=b"three")
    copied.harness.versions["v2"].answer(errors=[{"row": 0, "status": 422, "detail": "as asked"}])
    assert floor.kept() == copied.kept() == {}


def test_no_more_is_kept_of_a_rollout_of_which_enough_is_stored():
    buffer, answer = ShadowBuffer(), Predicted([msgspec.Raw(b"[0.2,0.8]")], [], b"[0,1]")
    assert buffer.has_room(4)
    buffer.keep_other_answer(4, b"one", 1, answer, Answers())
    assert buffer.take() == {4: [ShadowAnswer(signature_of(b"one"), 0.8, "1")]}
    buffer.close(4)
    buffer.keep_other_answer(4, b"two", 1, answer, Answers())
    assert not buffer.has_room(4)
    assert buffer.take() == {}
    assert buffer.has_room(9)


def test_some_of_each_second_are_kept_whatever_the_traffic_is():
    copied = Copied(shadow(), chance=0.0)
    for number in range(3 * AT_ONCE):
        copied.copy(1, prediction_id=b"%08d" % number)
        copied.harness.versions["v2"].answer()

    (kept,) = copied.kept().values()
    assert [each.prediction_id for each in kept] == [
        signature_of(b"%08d" % number) for number in range(AT_ONCE)
    ]
    copied.copy(1, prediction_id=b"later-on")
    copied.harness.versions["v2"].answer()
    assert len(copied.kept()) == 1


def test_a_unit_that_comes_again_is_compared_and_judges_nothing():
    copied = Copied(shadow(), chance=0.0)
    copied.copy(1, prediction_id=b"")
    copied.harness.versions["v2"].answer()
    assert copied.counted() == {}
    assert copied.harness.traffic.counts.values["shadow", "v2", "agree"] == 1


def test_a_copy_of_more_rows_than_may_wait_is_made_where_none_waits():
    copied = Copied(shadow(), chance=0.0)
    rows = range(copied.harness.traffic.settings.limits.max_shadow_queue_rows + 1)
    copied.copy(*rows)
    while copied.harness.versions["v2"].sent:
        copied.harness.versions["v2"].answer()
        copied.harness.loop.run()

    assert copied.counted() == {"copies": {"agree": 1}}
    assert ("shadow_dropped", "v2") not in copied.harness.traffic.counts.values


def test_a_large_copy_that_is_late_is_dropped_and_no_disagreement():
    copied = Copied(shadow(), chance=0.0)
    rows = range(copied.harness.traffic.settings.limits.max_batch_rows + 1)
    copied.copy(*rows)
    copied.harness.loop.now += copied.harness.traffic.settings.limits.deadline_ms / 1000
    copied.harness.traffic.expire()
    assert copied.counted() == {}
    assert copied.harness.traffic.counts.values["shadow_dropped", "v2"] == len(rows)


def test_a_huge_row_that_differs_is_not_kept_to_be_shown():
    copied = Copied(shadow(), chance=0.0)
    mirror = copied.harness.traffic.mirror
    rows = [msgspec.Raw(b'"%s"' % (b"x" * 20_000))]
    mirror.copy(rows, Predicted([msgspec.Raw(b"1")], [], b"null"), b"bets")
    copied.harness.loop.run()
    copied.harness.versions["v2"].answer()
    assert copied.counted() == {"copies": {"differ": 1}}
    assert mirror.worst == []


def test_a_row_that_many_send_is_shown_once_and_one_without_a_gap_never():
    copied = Copied(shadow(), chance=0.0)
    mirror = copied.harness.traffic.mirror
    for row, user_prediction, shadow_prediction in (
        (b'{"x":1}', b"1.0", b"3.0"),
        (b'{"x":1}', b"1.0", b"3.0"),
        (b'{"x":2}', b"1.0", b"1.0"),
    ):
        mirrored = SimpleNamespace(version="v2", rows=[row])
        mirror._remember(mirrored, 0, user_prediction, shadow_prediction)

    assert [(worst.row, worst.gap) for worst in mirror.worst] == [('{"x":1}', 2.0)]


@pytest.mark.parametrize("acting", ["v1", "v2"])
@pytest.mark.parametrize("chance", [0.0, 0.95])
def test_no_copy_goes_to_a_version_whose_predictions_change_something(acting, chance):
    ledger = shadow()
    changed = replace(ledger.version(acting), side_effects=True)
    copied = Copied(ledger.with_version(changed), chance)
    copied.copy(1)
    assert copied.harness.versions[acting].sent == []
    assert len(copied.harness.versions["v2"].sent) == (acting == "v1")


@pytest.mark.parametrize(
    ("first", "second", "by_largest", "same"),
    [
        ([1.0, 2.0], [1.1, 2.0], True, True),
        ([1.0, 2.0], [1.1, 2.0], False, False),
        ([1.0, 2.0], [1.0, 2.0], False, True),
        (["a", 1], ["a", 2], False, False),
        ([[0.6, 0.4], [0.1, 0.9]], [[0.7, 0.3], [0.2, 0.8]], True, True),
        ([[0.6, 0.4], [0.1, 0.9]], [[0.7, 0.3], [0.8, 0.2]], True, False),
        ([1.0], [1.0, 2.0], False, False),
    ],
)
def test_lists_agree_by_their_class_or_in_each_value(first, second, by_largest, same):
    assert agree(first, second, 1e-3, by_largest) == same


def test_the_distance_of_lists_is_the_largest_of_their_values():
    assert distance([1.0, 5.0], [1.5, 5.0]) == 0.5
    assert distance(["a", "b"], ["a", "b"]) == 0.0
    assert distance(["a", "b"], ["a", "c"]) == 1.0
    assert distance([[0.1, 0.9], [0.5, 0.5]], [[0.2, 0.8], [0.5, 0.5]]) == pytest.approx(0.1)
