"""The breaker, the capacity that a candidate has shown, and the recent outcomes they look at."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.state.policy import Breaker
from rollout.verdict.breaker import tripped
from rollout.verdict.capacity import no_room, not_shown
from rollout.verdict.recent_outcomes import KEPT_S, RecentOutcomes
from tests.rollout.evidence_factory import evidence

BREAKER = Breaker()
Counts = dict[str, int]


def looked(*looks: tuple[float, Counts, Counts]) -> RecentOutcomes:
    """Looks at these totals of the candidate and the stable version, at these seconds."""
    recent = RecentOutcomes()
    for now, candidate, stable in looks:
        seen = evidence(("v2", 2_500, {"outcomes": candidate}), ("v1", 2_500, {"outcomes": stable}))
        recent = recent.seen("one", seen, now)

    return recent


def within_ten_seconds(candidate: Counts, stable: Counts) -> RecentOutcomes:
    """What came in ten seconds, after a long time that was well."""
    before = {"ok": 10_000}
    later = [{**counts, "ok": 10_000 + counts.get("ok", 0)} for counts in (candidate, stable)]
    return looked((0.0, before, before), (10.0, *later))


@pytest.mark.parametrize("word", ["failed", "lost", "shed"])
def test_a_candidate_that_does_not_answer_what_the_other_one_does_goes_back(word: str) -> None:
    said = tripped(within_ten_seconds({"ok": 10, word: 20}, {"ok": 90}), BREAKER, "v1", 2_500)
    assert said.startswith("20 of 30 requests in the last 10 s were not answered (20 ")
    assert said.endswith("and v1 answered them")


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [
        ({"ok": 21, "lost": 20}, {"ok": 90}),
        ({"lost": 19}, {"ok": 90}),
        ({"ok": 10, "lost": 20}, {"ok": 60, "lost": 30}),
        ({}, {}),
    ],
    ids=["less than half", "too few", "both", "no traffic"],
)
def test_what_is_not_obvious_does_not_trip_it(candidate: Counts, stable: Counts) -> None:
    assert tripped(within_ten_seconds(candidate, stable), BREAKER, "v1", 2_500) == ""


def test_it_is_off_where_there_is_none_or_its_share_is_all() -> None:
    recent = within_ten_seconds({"lost": 500}, {"ok": 90})
    assert (
        tripped(recent, None, "v1", 2_500)
        == tripped(recent, replace(BREAKER, share=1.0), "v1", 2_500)
        == ""
    )
    assert tripped(recent, BREAKER, "v1", 2_500)


def test_a_short_restart_does_not_trip_it() -> None:
    """Two seconds of ten at the same rate."""
    assert (
        tripped(within_ten_seconds({"ok": 240, "lost": 60}, {"ok": 300}), BREAKER, "v1", 2_500)
        == ""
    )


def test_a_few_requests_are_enough_where_it_answers_none_for_the_whole_time() -> None:
    before = {"ok": 500}
    looks = ((10.0, {**before, "lost": 2}), (15.0, {**before, "lost": 5}))
    silent = looked((5.0, before, {}), *((now, counts, {"ok": 9}) for now, counts in looks))
    assert tripped(silent, BREAKER, "v1", 2_500).startswith("5 of 5 requests in the last 10 s")
    at_once = looked((5.0, before, {}), (10.0, before, {}), (15.0, looks[1][1], {"ok": 9}))
    assert tripped(at_once, BREAKER, "v1", 2_500) == ""


def test_what_happened_earlier_is_not_recent() -> None:
    bad = {"ok": 10, "lost": 500}
    recent = looked((0.0, {}, {}), (5.0, bad, {}), (20.0, {**bad, "ok": 60}, {"ok": 90}))
    assert tripped(recent, BREAKER, "v1", 2_500) == ""


def test_another_rollout_is_looked_at_anew() -> None:
    recent = looked((0.0, {"ok": 5}, {}), (9.0, {"ok": 50}, {}))
    other = recent.seen("two", evidence(("v2", 100, {"outcomes": {"ok": 9}})), 10.0)
    assert len(other.looks) == 1
    assert other.largest_rate == 0.0


@given(times=st.lists(st.floats(0.1, 5.0), max_size=50))
def test_few_looks_are_kept(times: list[float]) -> None:
    now, looks = 0.0, []
    for pause in times:
        now += pause
        looks.append((now, {"ok": int(now)}, {}))

    recent = looked(*looks)
    assert all(now - KEPT_S <= look.now <= now for look in recent.looks)


def test_counts_that_go_back_for_a_moment_are_nothing() -> None:
    recent = looked((0.0, {"ok": 100}, {}), (10.0, {"ok": 40}, {}))
    assert recent.within(10.0)[0].ok == 0


def shedding(early: Counts, late: Counts, stable: Counts) -> RecentOutcomes:
    """What came in two times of ten seconds, the later added to the earlier."""
    whole = {word: early.get(word, 0) + late.get(word, 0) for word in {*early, *late}}
    return looked((0.0, {}, {}), (10.0, early, stable), (20.0, whole, stable))


def test_what_one_user_floods_is_no_fault_and_neither_are_copies_of_a_rehearsal() -> None:
    flooded = within_ten_seconds({"ok": 300, "shed": 900}, {"ok": 100})
    assert tripped(flooded, BREAKER, "v1", 500) == ""
    rehearsed = within_ten_seconds({"ok": 30, "load not answered": 900}, {"ok": 100})
    assert tripped(rehearsed, BREAKER, "v1", 2_500) == ""


def test_looks_that_are_far_apart_tell_nothing() -> None:
    recent = looked((0.0, {}, {}), (50.0, {"lost": 500}, {"ok": 900}))
    assert tripped(recent, BREAKER, "v1", 2_500) == ""


def test_who_sheds_at_a_load_like_the_others_is_held() -> None:
    half = {"ok": 90, "shed": 30}
    said = no_room(shedding(half, half, {"ok": 240}), 5_000)
    assert said == "no room for 60 of 240 requests in the last 20 s"


@pytest.mark.parametrize(
    ("early", "late", "stable", "weight"),
    [
        ({"ok": 90, "shed": 30}, {"ok": 90, "shed": 30}, {"ok": 240, "shed": 60}, 5_000),
        ({"ok": 5_000, "shed": 30}, {"ok": 5_000, "shed": 30}, {"ok": 10_000}, 5_000),
        ({"ok": 90, "shed": 30}, {"ok": 90, "shed": 30}, {"ok": 240}, 500),
        ({"ok": 60, "shed": 60}, {"ok": 120}, {"ok": 240}, 5_000),
    ],
    ids=["both", "few", "one user floods it", "a backlog is worked off"],
)
def test_what_is_no_matter_of_the_candidate_holds_nothing(
    early: Counts, late: Counts, stable: Counts, weight: int
) -> None:
    assert no_room(shedding(early, late, stable), weight) == ""


def test_a_rate_is_shown_by_users_and_copies_together() -> None:
    half = {"ok": 200}
    recent = looked((0.0, {}, {}), (5.0, half, half))
    assert not_shown(recent) == "it has shown 40 requests/s of 80"
    copies = {**half, "load answered": 200}
    assert not_shown(looked((0.0, {}, {}), (5.0, copies, half))) == ""
    missed = {**half, "load answered": 190, "load not answered": 10}
    assert not_shown(looked((0.0, {}, {}), (5.0, missed, half))).startswith("it has shown 0 req")


def test_a_rate_at_which_it_sheds_is_not_shown() -> None:
    recent = looked((0.0, {}, {}), (5.0, {"ok": 200, "shed": 10}, {"ok": 200}))
    assert not_shown(recent) == "it has shown 0 requests/s of 82"


def test_before_the_rate_of_users_is_known_none_is_shown() -> None:
    assert not_shown(looked((0.0, {}, {}))) == "its rate is not known yet"


def test_what_was_shown_once_stays_shown() -> None:
    copies = {"ok": 200, "load answered": 200}
    recent = looked((0.0, {}, {}), (5.0, copies, {"ok": 200}), (10.0, copies, {"ok": 200}))
    assert recent.largest_rate == 80.0


def steady(rates: list[float]) -> RecentOutcomes:
    """Looks every five seconds at versions that each answer half of these rates."""
    total, looks = 0.0, [(0.0, {}, {})]
    for number, rate in enumerate(rates, 1):
        total += rate * 5 / 2
        looks.append((number * 5.0, {"ok": int(total)}, {"ok": int(total)}))

    return looked(*looks)


@pytest.mark.parametrize("odd", [[0.0, 0.0], [1.0], [5_000.0, 5_000.0]])
def test_neither_a_lull_nor_a_flood_of_some_seconds_is_another_need(odd: list[float]) -> None:
    assert steady([160.0] * 8 + odd).needed() == 160.0
    assert steady([160.0] * 2 + odd + [160.0] * 4).needed() == 160.0


def test_a_candidate_that_has_not_shown_the_rate_waits_through_a_lull() -> None:
    assert not_shown(steady([160.0] * 8 + [0.0])) == "it has shown 80 requests/s of 160"


def test_what_answers_nothing_just_now_is_not_released() -> None:
    all_of_it = {"ok": 400, "load answered": 400}
    users = {"ok": 400}
    shown = (0.0, {}, {}), (5.0, all_of_it, users)
    assert not_shown(looked(*shown)) == ""
    away = looked(*shown, (10.0, all_of_it, users))
    assert not_shown(away) == "it answers too little just now"


def test_what_users_needed_long_ago_is_not_needed_now() -> None:
    assert steady([160.0] * 5 + [4.0] * 14).needed() == 4.0
