"""The steps of an automatic canary for the traffic that is there, and how long they would take."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployment.plan.traffic import KnownTraffic
from rollout.forecast.expected_time import Forecast, Span, forecast, shadow_proof
from rollout.forecast.fitting_steps import fitting_weights
from rollout.forecast.traffic import Pace, Traffic
from rollout.state.ledger import Step
from rollout.state.policy import Policy
from rollout.state.split import ALL


@dataclass(frozen=True)
class CanaryWish:
    """What is asked for.

    typed: the steps of `--steps`, None: those that suit the traffic; configured: of deploy.toml.
    hold_s: the least seconds of a step; policy: how steps would be judged; shadow: how a shadow
    would be, None where none could.
    """

    name: str
    typed: tuple[Step, ...] | None
    configured: tuple[Step, ...]
    hold_s: float
    policy: Callable[[Sequence[Step]], Policy]
    shadow: Policy | None = None


@dataclass(frozen=True)
class Ladder:
    """Steps, how they are judged, and how long they take; expected: None where nobody knows."""

    steps: tuple[Step, ...]
    policy: Policy
    expected: Forecast | None = None

    @property
    def in_time(self) -> bool:
        """Whether most rollouts would end before the deadline, as far as is known."""
        return self.expected is None or self.expected.end.median <= self.policy.deadline_s


@dataclass(frozen=True)
class CanaryChoice:
    """The ladder of a canary. instead: one that ends in time, where there is one and this does
    not.
    """

    wish: CanaryWish
    known: KnownTraffic
    ladder: Ladder
    instead: Ladder | None = None

    def shadow(self) -> Span | None:
        """How long a shadow would take; None where that is not known."""
        if self.known.traffic is None or self.wish.shadow is None:
            return None
        return shadow_proof(self.known.traffic, self.wish.shadow, self.known.pace)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON: times in seconds, None where they are not known or never come."""
        traffic, expected = self.known.traffic, self.ladder.expected
        body: dict[str, Any] = {
            "rate": traffic.rate if traffic is not None else None,
            "source": self.known.source,
            "weights": [step.weight for step in self.ladder.steps],
            "in_time": self.ladder.in_time,
        }
        if expected is not None:
            body |= expected.to_json()

        return body


def chosen(wish: CanaryWish, known: KnownTraffic) -> CanaryChoice:
    """The steps that were typed, else the first ones that suit this traffic and end in time."""
    if known.traffic is None:
        steps = wish.configured if wish.typed is None else wish.typed
        return CanaryChoice(wish, known, Ladder(steps, wish.policy(steps)))

    if wish.typed is not None:
        typed = _ladder(wish, wish.typed, known.traffic, known.pace)
        if typed.in_time:
            return CanaryChoice(wish, known, typed)

    *_, best = _until_in_time(_fitting(wish, known.traffic, known.pace))
    if wish.typed is None:
        return CanaryChoice(wish, known, best)
    return CanaryChoice(wish, known, typed, best if best.in_time else None)


def _until_in_time(ladders: Iterable[Ladder]) -> Iterator[Ladder]:
    """Up to the first that ends in time; all where none does."""
    for ladder in ladders:
        yield ladder
        if ladder.in_time:
            return


def _fitting(wish: CanaryWish, traffic: Traffic, pace: Pace) -> Iterator[Ladder]:
    """Those that suit the traffic, at least one."""
    weights = [step.weight for step in wish.configured]
    requests = wish.policy(wish.configured).step_requests
    for proposed in fitting_weights(traffic.rate, weights, requests):
        *before, last = proposed
        steps = (*(Step(weight, wish.hold_s) for weight in before), Step(last, None))
        yield _ladder(wish, steps, traffic, pace)


def _ladder(wish: CanaryWish, steps: tuple[Step, ...], traffic: Traffic, pace: Pace) -> Ladder:
    policy = wish.policy(steps)
    if steps[-1].weight == ALL:
        # Refused by the decision: a canary that runs by itself ends below all traffic.
        return Ladder(steps, policy)
    if policy.no_copies:
        pace = replace(pace, pairs_per_s=0.0)
    return Ladder(steps, policy, forecast(traffic, steps, policy, pace))
