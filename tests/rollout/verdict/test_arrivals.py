"""What arrives, and how fast lately."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict.arrivals import (
    EVERY_S,
    KEPT,
    Arrivals,
    arrivals_of,
    arrivals_of_body,
    recent,
)
from rollout.verdict.words.phrases import (
    ASKED,
    BATCHES,
    CANDIDATE,
    COPIES,
    COUNTED,
    LABELS,
    PAIRS,
    REQUESTS,
)
from tests.rollout.evidence_factory import NOTHING, Row, evidence, finished, kind, of_candidate

NONE = arrivals_of(NOTHING, 0.0).totals


def totals(**changes: int) -> dict[str, int]:
    """Totals in which only these are not 0; requests where they are named."""
    names = {"counted": COUNTED, "requests": REQUESTS, "pairs": PAIRS, "batches": BATCHES}
    return {**NONE, **{names[name]: count for name, count in changes.items()}}


def steady(until_s: float, **per_s: float) -> list[Arrivals]:
    """Samples of arrivals at a constant rate, as a controller keeps them."""
    samples = []
    for tick in range(int(until_s / EVERY_S)):
        at = tick * EVERY_S
        counts = {name: int(rate * at) for name, rate in per_s.items()}
        samples.append(Arrivals(at, totals(**counts)))

    return samples[-KEPT:]


def test_each_thing_is_counted_by_its_name() -> None:
    whole = evidence(
        *finished(500, {"ok": 9, "error": 1, "shed": 3}, {"ok": 90}),
        *kind("outcomes", 500, {"ok": 40, "copied": 5}, {"ok": 400, "copied": 3}),
        *kind("labels", 500, {"0": 5}, {"16": 6}),
        of_candidate("answers", 500, both=7, candidate_failed=1),
        of_candidate("timing", 500, **{"0": 11}),
        of_candidate("paired", 0, **{"0": 2}),
        of_candidate("copies", 0, agree=3),
        of_candidate("control", 0, agree=1),
    )
    arrivals = arrivals_of(whole, 5.0)
    assert arrivals == Arrivals(
        5.0,
        {
            COUNTED: 100,
            CANDIDATE: 10,
            ASKED: 40,
            PAIRS: 8,
            BATCHES: 11,
            LABELS: 13,
            COPIES: 4,
            REQUESTS: 432,
        },
    )
    assert arrivals_of_body(json.loads(json.dumps(arrivals.to_body()))) == arrivals


@pytest.mark.parametrize("weight", [0, 10_000], ids=["a shadow's copies", "what is watched"])
def test_copies_are_no_requests_of_users(weight: int) -> None:
    both: tuple[Row, Row] = kind(
        "outcomes", weight, {"ok": 150, "failed": 50}, {"ok": 300, "copied": 200}
    )
    arrivals = arrivals_of(evidence(*both, *finished(weight, {"ok": 9}, {"ok": 9})), 1.0)
    assert (arrivals.totals[REQUESTS], arrivals.totals[COUNTED]) == (300, 0)


def test_without_samples_the_rate_is_that_of_the_whole_rollout() -> None:
    lately = recent([], Arrivals(200.0, totals(counted=1_000)))
    assert (lately.window_s, lately.per_s(COUNTED), lately.per_s(REQUESTS)) == (200.0, 5.0, 0.0)
    assert recent([], Arrivals(0.0, totals())).per_s(COUNTED) == 0.0


def test_a_rate_that_has_fallen_is_told_as_it_is_now() -> None:
    samples = steady(300.0, counted=50)
    last = samples[-1].totals[COUNTED]
    for after in range(1, 8):
        samples.append(Arrivals(290.0 + after * EVERY_S, totals(counted=last + after * 10)))

    lately = recent(samples, Arrivals(360.0, totals(counted=last + 70)))
    assert lately.window_s == 60.0
    assert lately.per_s(COUNTED) == pytest.approx(1.0)


def test_a_small_rate_is_measured_over_longer() -> None:
    samples = steady(3_000.0, counted=0.1)
    lately = recent(samples, Arrivals(3_000.0, totals(counted=300)))
    assert lately.window_s == pytest.approx(200.0)
    assert lately.per_s(COUNTED) == pytest.approx(0.1, rel=0.06)


def test_traffic_that_has_stopped_is_silent_after_a_minute() -> None:
    samples = steady(300.0, counted=5)
    last = samples[-1].totals
    samples += [Arrivals(290.0 + after * EVERY_S, last) for after in range(1, 8)]
    assert not any(recent(samples, Arrivals(360.0, last)).arrived.values())


def test_little_traffic_is_not_called_silent_for_a_pause() -> None:
    samples = steady(300.0, counted=0.05)
    last = samples[-1].totals
    samples += [Arrivals(290.0 + after * EVERY_S, last) for after in range(1, 8)]
    assert any(recent(samples, Arrivals(360.0, last)).arrived.values())


@pytest.mark.parametrize(
    ("counted", "exhausted"), [(200, True), (201, False)], ids=["all came before", "a new one"]
)
def test_units_are_exhausted_where_requests_come_and_none_is_counted(
    counted: int, exhausted: bool
) -> None:
    before = Arrivals(60.0, totals(requests=3_000, counted=200))
    lately = recent([before], Arrivals(120.0, totals(requests=6_000, counted=counted)))
    assert lately.units_are_exhausted is exhausted


def test_without_the_number_of_requests_nobody_is_called_exhausted() -> None:
    before = Arrivals(60.0, totals(counted=200, batches=60))
    lately = recent([before], Arrivals(120.0, totals(counted=200, batches=120)))
    assert not lately.units_are_exhausted


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**6)), max_size=40),
    st.floats(0, 1e6),
    st.integers(0, 10**6),
)
def test_whatever_was_kept_no_rate_is_negative_or_endless(
    kept: list[tuple[float, int]], at: float, counted: int
) -> None:
    samples = [Arrivals(moment, totals(counted=number)) for moment, number in kept]
    lately = recent(samples, Arrivals(at, totals(counted=counted)))
    assert 0 <= lately.per_s(COUNTED) < float("inf")
    assert lately.window_s >= 0
