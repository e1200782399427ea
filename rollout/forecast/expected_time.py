"""How long the steps of a canary and its proof are expected to take, if the versions are alike.

A step waits for requests of the candidate, so its time is that of Poisson arrivals. The proof waits
until a capital is large enough (passage.py). Both are chances by a time, which are multiplied where
all must hold, and averaged over the rates that the measured one allows."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np

from rollout.forecast.likely import arrived, likely_rates
from rollout.forecast.passage import Bets, Passage, passage
from rollout.forecast.traffic import Pace, Traffic
from rollout.state.ledger import Step
from rollout.state.policy import Policy, SignalPolicy
from rollout.state.split import ALL
from rollout.verdict.evidence import COPIES_SHARE
from rollout.verdict.sequential import DISCORDANT, pair_factors, proof_factors

LOW, HIGH = 0.05, 0.95
"""Nine rollouts in ten take a time between these quantiles."""
SLOW_BATCHES = 0.25
"""The part of the compared batches in which an equal candidate is taken to be beyond the margin."""
RATES, ERROR_RATES = 9, 5
"""How many rates of requests, and of errors, stand for all that were possible."""
LATEST_S = 1e10
Chance = Callable[[float], float]
"""The chance that something has happened, by the seconds since the rollout began."""

Proof = Callable[["_Course"], Chance]
"""The same of a proof, by the course of a rollout."""


@dataclass(frozen=True)
class Span:
    """Seconds: half of the rollouts take less than `median`, nine in ten from `low` to `high`.

    inf: it is not to be expected at all."""

    low: float
    median: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """In seconds, None for inf."""
        return {
            "low_s": _finite(self.low),
            "median_s": _finite(self.median),
            "high_s": _finite(self.high),
        }


@dataclass(frozen=True)
class Forecast:
    """steps: each one's own time, the last one's without the proof; proof: since the beginning.

    end: when the candidate is released; unknown: signals whose proof is required and whose time
    nobody can know, so that it is in neither."""

    steps: tuple[Span, ...]
    proof: Span
    end: Span
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, None for what is not to be expected."""
        return {
            "steps": list(map(Span.to_json, self.steps)),
            "proof": self.proof.to_json(),
            "end": self.end.to_json(),
            "unknown": list(self.unknown),
        }


def forecast(traffic: Traffic, steps: Sequence[Step], policy: Policy, pace: Pace) -> Forecast:
    """The expected times of a judged canary with these steps."""
    courses = []
    for rate in likely_rates(traffic.rate, traffic.seen, RATES):
        courses.append(_Course(rate, steps, policy.step_requests, pace))

    alone = []
    for number in range(len(steps)):
        alone.append(_span([course.step(number) for course in courses]))

    proved, ended = [], []
    for proof in _proofs(traffic, steps, policy, pace):
        for course in courses:
            by_proof = proof(course)
            proved.append(by_proof)
            ended.append(_all_of([course.steps_over(), by_proof]))

    return Forecast(tuple(alone), _span(proved), _span(ended), unknown_proofs(policy))


def shadow_proof(traffic: Traffic, policy: Policy, pace: Pace) -> Span:
    """The expected time of the proof of a judged shadow that gets a copy of each request."""
    copies = (Step(round(COPIES_SHARE * ALL)),)
    return forecast(traffic, copies, policy, pace).proof


def unknown_proofs(policy: Policy) -> tuple[str, ...]:
    """Required signals whose proof waits for something else than requests."""
    required = filter(attrgetter("required"), policy.rules)
    return tuple(rule.name for rule in required if rule.name not in _PROOFS)


def least_hold(steps: Sequence[Step], number: int) -> float:
    """Seconds that a step is held at least; the last one as long as the longest before it."""
    longest = max((step.hold_s or 0.0 for step in steps), default=0.0)
    return steps[number].hold_s or longest


class _Course:
    """A ladder at one rate of requests a second. requests: that a step asks the candidate."""

    def __init__(self, rate: float, steps: Sequence[Step], requests: int, pace: Pace) -> None:
        self.rate, self.requests = rate, requests
        self.rates = [pace.asked(rate, step.weight / ALL) for step in steps]
        self.holds = [least_hold(steps, number) for number in range(len(steps))]
        self.means = [max(self.holds[k], requests / self.rates[k]) for k in range(len(steps))]

    def step(self, number: int) -> Chance:
        """That a step is over, since it began."""
        hold, rate = self.holds[number], self.rates[number]

        def over(seconds: float) -> float:
            return arrived(self.requests, rate * seconds) if seconds >= hold else 0.0

        return over

    def steps_over(self) -> Chance:
        """That every step has had its time and its requests."""
        total, variance = sum(self.means), 0.0
        for rate, hold in zip(self.rates, self.holds, strict=True):
            if self.requests > rate * hold:
                variance += self.requests / rate**2

        def over(seconds: float) -> float:
            if not variance:
                return float(seconds >= total)
            # A sum of gamma numbers is nearly one with the same mean and variance.
            return arrived(total**2 / variance, seconds * total / variance)

        return over

    def requests_by_step(self, seconds: float) -> list[float]:
        """Requests of both versions in each step, if each takes its mean time."""
        left, requests = seconds, []
        for mean in self.means[:-1]:
            requests.append(self.rate * min(left, mean))
            left -= min(left, mean)

        return [*requests, self.rate * left]


def _proofs(traffic: Traffic, steps: Sequence[Step], policy: Policy, pace: Pace) -> Iterator[Proof]:
    """That all is proved, at each rate of errors that those seen allow."""
    level = math.log(1 / policy.beta)
    usual = traffic.reference.errors
    # The reference is taken as if a thousand requests had been seen beside those that were.
    failures = usual * (traffic.answered + 1000)
    for rate in likely_rates(usual, failures, ERROR_RATES):
        proofs = []
        for rule in policy.rules:
            if rule.required and rule.name in _PROOFS:
                proofs.append(_PROOFS[rule.name](_Asked(rule, traffic, steps, level, pace, rate)))

        yield partial(_together, proofs)


def _together(proofs: Sequence[Proof], course: "_Course") -> Chance:
    return _all_of([proof(course) for proof in proofs])


@dataclass(frozen=True)
class _Asked:
    """What the time of one proof is made of. level: log capital; errors: of either version."""

    rule: SignalPolicy
    traffic: Traffic
    steps: Sequence[Step]
    level: float
    pace: Pace
    errors: float


def _errors(asked: _Asked) -> Proof:
    """By drawn requests and by pairs, with half of the capital on each."""
    centre = asked.traffic.reference.errors
    failing = _Failing(asked.errors, centre, max(asked.rule.margin, centre))
    # What nobody bets with stays 1, or less while nothing is proved.
    drawn = _drawn(asked.steps, failing, math.log(2 * math.exp(asked.level) - 1))
    if not asked.pace.pairs_per_s:
        return drawn

    paired = passage(_pairs(asked.steps[0].weight / ALL, failing), asked.level)

    def proved(course: _Course) -> Chance:
        by_draws, a_second = drawn(course), asked.pace.pairs(course.rate)
        return lambda seconds: max(paired.chance(a_second * seconds), by_draws(seconds))

    return proved


def _refusals(asked: _Asked) -> Proof:
    rate = asked.traffic.reference.refused
    return _drawn(asked.steps, _Failing(rate, rate, asked.rule.margin), asked.level)


def _agreement(asked: _Asked) -> Proof:
    noise = asked.traffic.reference.noise
    return _drawn(asked.steps, _Failing(noise, noise, asked.rule.margin), asked.level)


def _latency(asked: _Asked) -> Proof:
    batches = passage(_batches(), asked.level)
    return lambda _: lambda seconds: batches.chance(asked.pace.batches(seconds))


_PROOFS: Mapping[str, Callable[[_Asked], Proof]] = MappingProxyType(
    {
        "errors": _errors,
        "refusals": _refusals,
        "latency": _latency,
        "agreement": _agreement,
    }
)


@dataclass(frozen=True)
class _Failing:
    """Requests that fail at this rate, bet on at that centre with that margin."""

    rate: float
    centre: float
    margin: float


def _drawn(steps: Sequence[Step], failing: _Failing, level: float) -> Proof:
    """By drawn requests: those of an earlier step count as the part of its own proof that they
    are.
    """
    by_step = [passage(_draws(step.weight / ALL, failing), level) for step in steps]
    last = by_step[-1]
    worth = [_worth(one, last) for one in by_step]

    def proved(course: _Course) -> Chance:
        def chance(seconds: float) -> float:
            return last.chance(float(np.dot(worth, course.requests_by_step(seconds))))

        return chance

    return proved


def _worth(one: Passage, last: Passage) -> float:
    """Requests of the last step that one of another step is worth."""
    needed, here = last.median(), one.median()
    if math.isinf(here) or math.isinf(needed):
        return float(one is last)
    return needed / here


def _draws(share: float, failing: _Failing) -> Bets:
    """Bets on drawn requests of two versions that fail alike."""
    candidate, stable = proof_factors(share, failing.centre, 1.0, failing.margin)
    plain = share * candidate[0] + (1 - share) * stable[0]
    rates = share * failing.rate, (1 - share) * failing.rate
    return Bets(*rates, np.stack([plain, candidate[1], stable[1]]))


def _pairs(share: float, failing: _Failing) -> Bets:
    """Bets on requests that both versions are asked: on the pair, and on the drawn answer.

    Either version fails on requests of its own. Which of the two was drawn is averaged.
    """
    alone = failing.rate * (1 - failing.rate)
    candidate, stable = proof_factors(share, failing.centre, 1.0, failing.margin)
    drawn = [
        share * candidate[0] + (1 - share) * stable[0],
        share * candidate[1] + (1 - share) * stable[0],
        share * candidate[0] + (1 - share) * stable[1],
    ]
    pair = [pair_factors(difference, failing.margin) for difference in (0.0, 1.0, -1.0)]
    return Bets(alone, alone, np.concatenate([pair, drawn], axis=1))


def _batches() -> Bets:
    """Bets on compared batches."""
    quick, slow = np.log(2 * DISCORDANT), np.log(2 * (1 - DISCORDANT))
    return Bets(SLOW_BATCHES, 0.0, np.stack([quick, slow, quick]))


def _finite(seconds: float) -> float | None:
    if math.isinf(seconds):
        return None
    return round(seconds, 1)


def _all_of(chances: Sequence[Chance]) -> Chance:
    """That all have happened."""
    return lambda seconds: math.prod(chance(seconds) for chance in chances)


def _span(chances: Iterable[Chance]) -> Span:
    """The quantiles of one of these, each of which is as likely as another."""
    among = list(chances)

    def mean(seconds: float) -> float:
        return sum(chance(seconds) for chance in among) / len(among)

    return Span(_reached(mean, LOW), _reached(mean, 0.5), _reached(mean, HIGH))


def _reached(chance: Chance, quantile: float) -> float:
    """The seconds by which the chance is this; inf if never."""
    if chance(LATEST_S) < quantile:
        return math.inf
    if chance(0.0) >= quantile:
        return 0.0

    low, high = math.log(1e-3), math.log(LATEST_S)
    for _ in range(32):
        middle = (low + high) / 2
        if chance(math.exp(middle)) < quantile:
            low = middle
        else:
            high = middle

    return math.exp(high)
