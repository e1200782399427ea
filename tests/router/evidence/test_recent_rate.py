"""How many requests came lately: of one worker, and of all as the status says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.endpoints.status import recent_traffic
from router.evidence.recent_rate import EVERY_S, WINDOWS_S, RecentRate


def after(seconds: float, rate: float, since: float = 0.0) -> dict[tuple[str, ...], float]:
    """What a worker says after so many seconds at one rate, asked five times a second."""
    recent, gauges = RecentRate(since), {}
    for turn in range(1, round(seconds * 5) + 1):
        now = turn / 5
        gauges = recent.gauges(float(int(now * rate)), since + now)

    return gauges


def test_a_worker_says_nothing_in_its_first_minute() -> None:
    assert after(59, 100.0) == {}
    assert after(61, 100.0) != {}


@pytest.mark.parametrize("rate", [0.5, 7.0])
def test_a_window_is_as_long_as_the_workers_life_where_that_is_shorter(rate: float) -> None:
    gauges = after(700, rate, since=1e6)
    assert gauges["recent_s", "60"] == pytest.approx(60, abs=EVERY_S)
    assert gauges["recent_s", "600"] == pytest.approx(600, abs=EVERY_S)
    assert gauges["recent_s", "3600"] == pytest.approx(700)
    for window in WINDOWS_S:
        assert gauges["recent_rate", str(window)] == pytest.approx(rate, abs=2 / 60)


def test_only_the_last_hour_is_kept() -> None:
    recent = RecentRate(0.0)
    for now in range(0, 20_000, 10):
        gauges = recent.gauges(float(now), float(now))

    assert gauges["recent_s", "3600"] == 3600
    assert len(recent._totals) == 361


def test_a_burst_is_seen_in_the_last_minute_alone() -> None:
    recent, total = RecentRate(0.0), 0.0
    for now in range(0, 1200, 10):
        total += 600.0 if now >= 1140 else 0.0
        gauges = recent.gauges(total, float(now))

    assert gauges["recent_rate", "60"] == pytest.approx(60)
    assert gauges["recent_rate", "600"] < 7


def test_the_shortest_time_with_enough_requests_counts() -> None:
    assert recent_traffic([after(700, 10.0)]) == {"rate": 10.0, "requests": 600, "seconds": 60}
    slow = recent_traffic([after(700, 0.5)])
    assert slow is not None
    assert (slow["requests"], slow["seconds"]) == (pytest.approx(300, abs=6), 600)


def test_the_rates_of_all_workers_are_added() -> None:
    traffic = recent_traffic([after(700, 10.0), after(130, 5.0)])
    assert traffic is not None
    assert traffic["rate"] == pytest.approx(15, rel=0.02)


def test_too_few_requests_say_no_rate() -> None:
    assert recent_traffic([]) is None
    assert recent_traffic([after(90, 0.0)]) is None
    assert recent_traffic([after(90, 0.1)]) is None


def test_after_an_hour_one_request_says_how_few_they_are() -> None:
    recent = RecentRate(0.0)
    for now in range(0, 4000, 10):
        gauges = recent.gauges(float(now >= 2000), float(now))

    traffic = recent_traffic([gauges])
    assert traffic == {"rate": pytest.approx(1 / 3600), "requests": 1, "seconds": 3600}


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=40))
def test_no_window_has_more_requests_than_came(steps: list[float]) -> None:
    recent, total = RecentRate(0.0), 0.0
    for number, requests in enumerate(steps, 1):
        total += requests
        gauges = recent.gauges(total, number * 7.0)
        for window in WINDOWS_S:
            rate = gauges.get(("recent_rate", str(window)), 0.0)
            assert -1e-9 <= rate * gauges.get(("recent_s", str(window)), 0.0) <= total + 1e-9
