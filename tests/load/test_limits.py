"""Pass, fail and invalid."""

import pytest

from load.engine.plan import RETRY_AFTER, WAITED
from load.limits import FAIL, INVALID, PASS, LoadLimits, judged
from load.measurement import Measurement
from load.overload_guard import OverloadGuard
from tests.load.load_factory import chunk, measured

LIMITS = LoadLimits(p50_ms=10, p99_ms=20, errors=0.01, shed=0.05)


def test_a_run_within_all_limits_passes():
    verdict = judged(measured(), LIMITS)
    assert (verdict.result, verdict.reasons) == (PASS, ())


@pytest.mark.parametrize(
    ("run", "word"),
    [
        ({"ms": 12.0}, "p50"),
        ({"ms": 9.0, "bad": 30, "status": 500}, "errors 3.1"),
        ({"bad": 30, "status": 0}, "errors"),
        ({"bad": 30, "status": -1}, "errors"),
        ({"bad": 30, "status": 422}, "errors"),
        ({"bad": 100, "status": 503, "flags": RETRY_AFTER}, "shed 10"),
    ],
)
def test_what_breaks_a_limit_fails_with_the_number_and_the_limit(run, word):
    verdict = judged(measured(**run), LIMITS)
    assert verdict.result == FAIL
    assert word in verdict.reasons[0]
    assert "at most" in verdict.reasons[0]


def test_a_503_without_retry_after_is_an_error_and_no_shedding():
    made = measured(bad=50, status=503)
    assert made.total.shed == 0
    assert made.total.errors > 0.04


@pytest.mark.parametrize(
    ("run", "word"),
    [
        ({"busy": 0.99}, "99 % of its processor"),
        ({"delay_ms": 9.0, "ms": 20.0}, "9.0 ms late"),
        ({"dropped": 7}, "dropped 7"),
        ({"count": 0}, "nothing was sent"),
    ],
)
def test_a_generator_that_was_too_slow_makes_the_run_invalid_and_says_by_how_much(run, word):
    if run.get("count") == 0:
        made = Measurement(10, 100)
        made.add(chunk([], 10, last=True))
    else:
        made = measured(**run)

    verdict = judged(made, LIMITS)
    assert verdict.result == INVALID
    assert word in verdict.reasons[0]


@pytest.mark.parametrize(
    ("delay_ms", "ms", "result"),
    [(1.9, 3.0, PASS), (2.1, 3.0, INVALID), (5.0, 40.0, FAIL), (20.0, 40.0, INVALID)],
)
def test_a_delay_matters_where_it_may_have_changed_the_verdict(delay_ms, ms, result):
    """A tenth of the limit of 20 ms, or a quarter of what was measured where that broke it."""
    assert judged(measured(delay_ms=delay_ms, ms=ms), LIMITS).result == result


def test_fewer_requests_than_fell_due_make_it_invalid():
    made = measured()
    made.expected = 2_000
    assert judged(made, LIMITS).result == INVALID


def test_a_request_that_waited_for_a_connection_is_no_fault_of_the_generator():
    made = Measurement(1, 100)
    requests = [(n / 100, n / 100 + 0.3, n / 100 + 0.31, 200, 0, WAITED) for n in range(100)]
    made.add(chunk(requests, 1, last=True))
    verdict = judged(made, LIMITS)
    assert verdict.result == FAIL
    assert made.waited == 90


def test_a_small_version_is_held_against_the_limits_by_itself():
    slow = [(1 + n / 200, 1 + n / 200, 1 + n / 200 + 0.1, 200, 1, 0) for n in range(120)]
    fast = [(n / 10_000, n / 10_000, n / 10_000 + 0.001, 200, 0, 0) for n in range(20_000)]
    made = Measurement(10)
    made.add(chunk(fast + slow, 10, last=True))
    verdict = judged(made, LIMITS)
    assert verdict.result == FAIL
    assert all(reason.startswith("v2:") for reason in verdict.reasons)


def test_the_warm_up_is_not_judged():
    made = Measurement(10, 101)
    cold = [(0.01, 0.01, 5.0, 500, 0, 0)]
    made.add(chunk(cold + [(1.0 + n / 99, 1.0 + n / 99, 2.0, 200, 0, 0) for n in range(100)], 10))
    assert (made.warm_up, made.total.errors) == (1, 0)


def test_a_stopped_run_fails_and_says_why():
    verdict = judged(measured(), LIMITS, "stopped: too many errors")
    assert (verdict.result, verdict.reasons[0]) == (FAIL, "stopped: too many errors")


def windows(statuses: list[int]) -> list[str]:
    """What a guard says after each second, in which ten requests got that status."""
    guard, made, said = OverloadGuard(), Measurement(100), []
    made.add(chunk([], 1))
    for second, status in enumerate(statuses, 1):
        at = second + 0.5
        made.add(chunk([(at, at, at + 0.1, status, 0, 0)] * 10, second + 1))
        said.append(guard.reason(made))

    return said


def test_a_run_stops_after_three_seconds_of_errors_and_not_before():
    assert [bool(said) for said in windows([500, 500, 500, 500])] == [False, False, True, True]
    assert "5xx" in windows([0, 502, 504])[-1]


def test_a_second_of_answers_between_errors_lets_it_go_on():
    assert not any(windows([500, 500, 200, 500, 500, 422, 500]))


def test_a_run_that_was_stopped_fails_though_its_generator_was_late():
    verdict = judged(measured(delay_ms=400.0), LIMITS, "stopped: why")
    assert (verdict.result, verdict.reasons[0]) == (FAIL, "stopped: why")


def silence(oldest):
    """What the guard says after each second in which nothing ended. oldest: seconds, by second."""
    guard, made, said = OverloadGuard(), Measurement(100), []
    for second, oldest_s in enumerate(oldest, 1):
        made.add(chunk([], second, oldest_s=oldest_s))
        said.append(guard.reason(made))

    return said


def test_a_run_stops_where_no_request_gets_an_answer_any_more():
    said = silence(range(1, 17))
    assert [bool(one) for one in said] == [False] * 13 + [True] * 3
    assert "no answer" in said[-1]


def test_a_run_goes_on_while_nothing_is_due_or_answers_take_long():
    assert not any(silence([0.0] * 20))
    assert not any(silence([11.0] * 20))


def test_versions_and_windows_add_up_to_all():
    made = Measurement(10)
    requests = [(1 + n / 100, 1 + n / 100, 1.1 + n / 100, 200, n % 2, 0) for n in range(200)]
    requests += [(2.0, 2.0, -1.0, 0, -1, 0)] * 5
    for second in (1, 2, 3, 4):
        made.add(chunk([one for one in requests if second <= one[0] < second + 1], second + 1))

    assert {name: one.requests for name, one in made.versions.items()} == {
        "v1": 100,
        "v2": 100,
        "-": 5,
    }
    assert made.total.requests == sum(sum(window.counts) for window in made.windows) == 205
    assert made.total.counts[4] == 5
