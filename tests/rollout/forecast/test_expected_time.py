"""The expected time of steps, proof and release: laws, and rollouts by chance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.forecast.expected_time import Forecast, Span, forecast
from rollout.forecast.traffic import Pace, Traffic
from rollout.state.ledger import Step
from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.signal_settings import Errors, Labels, Refusals
from rollout.state.split import ALL
from rollout.state.strategy import strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.sequential import evenly_weighted, log_paired_proof, log_proof

CANARY = strategy("canary")
PAIRED = Pace(pairs_per_s=50.0)
UNPAIRED = Pace()
SLOW = Traffic(1 / 6)
MEASURED = Traffic(1 / 6, reference=Reference(errors=0.0002), answered=4000)
few = settings(max_examples=4, derandomize=True, database=None, deadline=None)
rates = st.floats(0.001, 1000)


def judged(**settings_of_verdict: object) -> Policy:
    """The policy of a canary by these settings."""
    return policy(VerdictConfig(**settings_of_verdict), CANARY)


USUAL = judged()


def ladder(*percents: float, hold_s: float = 30.0) -> tuple[Step, ...]:
    """Steps of these percentages."""
    *before, last = (round(percent * 100) for percent in percents)
    return (*(Step(weight, hold_s) for weight in before), Step(last))


ladders = st.sampled_from(
    [ladder(50), ladder(5, 50), ladder(1, 5, 25, 50), ladder(9, 25, 50), ladder(10, 20)]
)
paces = st.sampled_from([PAIRED, UNPAIRED])


def spans(expected: Forecast) -> list[Span]:
    """All times of a forecast."""
    return [*expected.steps, expected.proof, expected.end]


@few
@given(rates, st.sampled_from([20.0, 300.0, math.inf]), ladders, paces)
def test_a_range_is_in_order_and_the_end_is_last(
    rate: float, seen: float, steps: tuple[Step, ...], pace: Pace
) -> None:
    expected = forecast(Traffic(rate, seen), steps, USUAL, pace)
    for span in spans(expected):
        assert 0 <= span.low <= span.median <= span.high

    assert len(expected.steps) == len(steps)
    assert expected.end.median >= expected.proof.median * 0.999
    assert expected.end.median >= max(span.median for span in expected.steps) * 0.999


@few
@given(rates, st.floats(1, 20), ladders, paces)
def test_more_traffic_is_never_slower(
    rate: float, times: float, steps: tuple[Step, ...], pace: Pace
) -> None:
    one, more = (forecast(Traffic(r), steps, USUAL, pace) for r in (rate, rate * times))
    for slow, quick in zip(spans(one), spans(more), strict=True):
        assert quick.median <= slow.median * 1.01
        assert quick.high <= slow.high * 1.01


@few
@given(rates, ladders)
def test_a_wider_margin_is_never_slower(rate: float, steps: tuple[Step, ...]) -> None:
    wide = judged(errors=Errors(margin=0.02))
    usual, wider = (forecast(Traffic(rate), steps, by, PAIRED).proof for by in (USUAL, wide))
    assert wider.median <= usual.median * 1.01


@few
@given(st.floats(0.001, PAIRED.pairs_per_s), ladders)
def test_pairs_are_never_slower_where_each_request_is_one(
    rate: float, steps: tuple[Step, ...]
) -> None:
    paired, drawn = (forecast(Traffic(rate), steps, USUAL, by).proof for by in (PAIRED, UNPAIRED))
    assert paired.median <= drawn.median * 1.01


@few
@given(rates, st.floats(0.0, 3600.0), ladders)
def test_a_longer_hold_is_never_quicker(
    rate: float, hold_s: float, steps: tuple[Step, ...]
) -> None:
    held = tuple(replace(step, hold_s=step.hold_s and hold_s + step.hold_s) for step in steps)
    one, more = (forecast(Traffic(rate), s, USUAL, PAIRED).end.median for s in (steps, held))
    assert more >= one * 0.99


def test_ten_requests_a_minute_take_hours_and_the_usual_ladder_days() -> None:
    half = forecast(SLOW, ladder(50), USUAL, PAIRED)
    # Each request is a pair, so that the candidate is asked all of them.
    assert half.steps[0].median == pytest.approx(1800, rel=0.02)
    assert 3600 < half.proof.median < 3 * 3600
    usual = forecast(SLOW, ladder(1, 5, 25, 50), USUAL, UNPAIRED)
    assert usual.steps[0].median == pytest.approx(50 * 3600, rel=0.02)
    assert usual.end.low > 86_400


def test_a_step_takes_its_hold_where_requests_are_many() -> None:
    expected = forecast(Traffic(10_000), ladder(5, 50, hold_s=90), USUAL, PAIRED)
    assert [span.median for span in expected.steps] == pytest.approx([90, 90])
    assert expected.end.median == pytest.approx(180)


def test_few_requests_measure_a_rate_badly() -> None:
    sure, guessed = (
        forecast(Traffic(0.5, seen), ladder(50), USUAL, PAIRED).steps[0] for seen in (math.inf, 20)
    )
    assert guessed.median == pytest.approx(sure.median, rel=0.05)
    assert guessed.high - guessed.low > 2 * (sure.high - sure.low)


def test_a_proof_of_labels_waits_for_what_nobody_knows() -> None:
    expected = forecast(SLOW, ladder(50), judged(labels=Labels(required=True)), PAIRED)
    assert expected.unknown == ("labels",)
    assert forecast(SLOW, ladder(50), USUAL, PAIRED).unknown == ()


def test_a_proof_of_refusals_takes_its_own_time() -> None:
    required = judged(refusals=Refusals(required=True, margin=0.001))
    longer = forecast(SLOW, ladder(50), required, PAIRED).proof.median
    assert longer > 1.5 * forecast(SLOW, ladder(50), USUAL, PAIRED).proof.median


def test_many_errors_widen_the_margin_and_take_longer() -> None:
    failing = Traffic(1.0, reference=Reference(errors=0.02), answered=100_000)
    expected = forecast(failing, ladder(50), USUAL, PAIRED)
    assert 300 < expected.proof.median < 3000


def test_as_plain_json_what_never_comes_is_null() -> None:
    never = Span(1.0, math.inf, math.inf)
    assert never.to_json() == {"low_s": 1.0, "median_s": None, "high_s": None}
    body = Forecast((Span(1, 2, 3),), never, never, ("labels",)).to_json()
    assert body["steps"] == [{"low_s": 1, "median_s": 2, "high_s": 3}]
    assert (body["proof"], body["unknown"]) == (never.to_json(), ["labels"])


class ByChance:
    """Rollouts of two versions that are alike, by chance: the judge's own capital, looked at after
    every request.
    """

    def __init__(self, traffic: Traffic, steps: tuple[Step, ...], paired: bool, seed: int) -> None:
        self.traffic, self.steps, self.paired = traffic, steps, paired
        self.random = np.random.default_rng(seed)

    def end(self, requests: int) -> float:
        """Seconds until one is released; requests: that are enough for it."""
        usual, seen = self.traffic.reference, self.traffic.seen
        rate = self.traffic.rate
        if math.isfinite(seen):
            rate *= self.random.gamma(seen) / seen

        failures = usual.errors * (self.traffic.answered + 1000)
        errors = usual.errors * self.random.gamma(failures) / failures
        times = np.cumsum(self.random.exponential(1 / rate, requests))
        failed = self.random.random((requests, 2)) < errors
        shares, stood = self._steps(times)
        proved = self._proved(shares, failed)
        at = np.flatnonzero(proved & stood)
        return float(times[at[0]]) if len(at) else math.inf

    def _steps(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The share in force at each request, whether the candidate gets it, and when the last step
        has stood.
        """
        shares, self.mine = np.empty(len(times)), np.empty(len(times), bool)
        begins, at = 0, 0.0
        longest = max(step.hold_s or 0.0 for step in self.steps)
        for step in self.steps:
            share = step.weight / ALL
            shares[begins:] = share
            self.mine[begins:] = self.random.random(len(times) - begins) < share
            asked = self.mine | self.paired
            served = np.cumsum(asked[begins:]) >= USUAL.step_requests
            over = served & (times[begins:] >= at + (step.hold_s or longest))
            stands = np.flatnonzero(over)
            if not len(stands):
                return shares, np.zeros(len(times), bool)

            begins += stands[0] + 1
            at = times[begins - 1]

        return shares, np.arange(len(times)) >= begins - 1

    def _proved(self, shares: np.ndarray, failed: np.ndarray) -> np.ndarray:
        """Whether the capital is large enough, after each request."""
        centre, drawn = self.traffic.reference.errors, {}
        mine, bad = self.mine, np.where(self.mine, failed[:, 0], failed[:, 1])
        for share in set(shares):
            cells = [m & b & (shares == share) for m in (mine, ~mine) for b in (~bad, bad)]
            drawn[share] = np.cumsum(np.stack(cells, -1), axis=0).reshape(-1, 2, 2)

        by_pairs = np.zeros(len(shares))
        if self.paired:
            difference = failed[:, 0].astype(int) - failed[:, 1]
            counts = np.cumsum(difference[:, None] == np.array([-1, 0, 1]), axis=0)
            by_pairs = log_paired_proof(counts, 0.005)

        capital = evenly_weighted([log_proof(drawn, centre, 1.0, 0.005), by_pairs])
        return capital >= math.log(1 / USUAL.beta)


@pytest.mark.parametrize(
    ("traffic", "steps", "requests", "paired"),
    [
        (MEASURED, ladder(50), 12_000, True),
        (MEASURED, ladder(50), 12_000, False),
        *[
            pytest.param(*case, paired, marks=pytest.mark.soak)
            for case in (
                (Traffic(1 / 6, 100), ladder(50), 20_000),
                (Traffic(1 / 6), ladder(50), 20_000),
                (Traffic(0.5, 100), ladder(5, 25, 50), 30_000),
            )
            for paired in (True, False)
        ],
    ],
)
def test_nine_in_ten_rollouts_take_a_time_in_the_range(
    traffic: Traffic, steps: tuple[Step, ...], requests: int, paired: bool
) -> None:
    expected = forecast(traffic, steps, USUAL, PAIRED if paired else UNPAIRED).end
    chance = ByChance(traffic, steps, paired, seed=11)
    ends = np.array([chance.end(requests) for _ in range(250)])
    inside = np.mean((ends >= expected.low) & (ends <= expected.high))
    assert 0.84 <= inside <= 0.97
    assert 0.4 <= np.mean(ends <= expected.median) <= 0.62
