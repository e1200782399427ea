"""The traffic, the steps for it and their expected times, in words."""

import math
from collections.abc import Iterator

from deployment.commands.strategy_options import COMMAND, ExpectedLines
from deployment.plan.canary_choice import CanaryChoice, Ladder
from rollout.durations import shown_seconds
from rollout.errors import TooSlow
from rollout.forecast.expected_time import Forecast, Span
from rollout.forecast.fitting_steps import SLOW, fits
from rollout.forecast.traffic import Traffic
from rollout.state.policy import title_of
from rollout.state.split import ALL

_UNITS = ((172_800.0, 86_400.0, "days"), (5400.0, 3600.0, "h"), (90.0, 60.0, "min"))
"""From so many seconds on: the seconds of a unit, and its name."""


def refuse_if_too_slow(choice: CanaryChoice) -> None:
    """Raise TooSlow unless the canary is likely to end before its deadline."""
    traffic, expected = choice.known.traffic, choice.ladder.expected
    if traffic is not None and expected is not None and not choice.ladder.in_time:
        raise TooSlow(_too_slow(choice, traffic, expected))


def expected_lines(choice: CanaryChoice) -> ExpectedLines:
    """What a plan says of it."""
    traffic, expected = choice.known.traffic, choice.ladder.expected
    if traffic is None or expected is None:
        return ExpectedLines(
            before=(
                f"  traffic  not known ({choice.known.source}), nor how long it takes: --rate says "
                "how many requests a second you expect",
            )
        )

    line = f"  traffic  {shown_rate(traffic.rate)} ({choice.known.source})"
    return ExpectedLines(
        before=(line + _why_other_steps(choice, traffic),),
        steps=tuple(_of_steps(expected)),
        after=tuple(_after(choice, traffic, expected)),
    )


def _of_steps(expected: Forecast) -> Iterator[str]:
    *before, last = map(shown_span, expected.steps)
    yield from before
    yield f"{last} without the proof"


def _why_other_steps(choice: CanaryChoice, traffic: Traffic) -> str:
    """Why they are not those of deploy.toml; empty where they are, or where they were typed."""
    configured, ladder = choice.wish.configured, choice.ladder
    if choice.wish.typed is not None or ladder.steps == configured:
        return ""

    shown = _weights(Ladder(configured, ladder.policy))
    first, requests = configured[0].weight, ladder.policy.step_requests
    if fits(traffic.rate, first, requests):
        return f"; verdict.steps ({shown}) would not end before the deadline"

    at_first = shown_rate(traffic.rate * first / ALL)
    return f"; at the first of verdict.steps ({shown}) it would answer {at_first}"


def _after(choice: CanaryChoice, traffic: Traffic, expected: Forecast) -> Iterator[str]:
    name, deadline = choice.wish.name, choice.ladder.policy.deadline_s
    yield (
        f"  time     proof after {shown_span(expected.proof)}, release after "
        f"{shown_span(expected.end)}, if {name} is like the released version and the traffic stays"
    )
    for signal in expected.unknown:
        yield f"           and the proof of {title_of(signal)}, which waits for labels"

    if not choice.ladder.in_time:
        yield f"  ✖ refused with --auto: {_too_slow(choice, traffic, expected)}"
    elif expected.end.high > deadline:
        yield f"           it may be undecided at its deadline, after {shown_seconds(deadline)}"

    if traffic.rate < SLOW and choice.wish.shadow is not None:
        yield _shadow_first(choice)


def _shadow_first(choice: CanaryChoice) -> str:
    line = f"  first    a shadow, which no user meets: {COMMAND} shadow {choice.wish.name} --auto"
    if (takes := choice.shadow()) is not None:
        line += f"  ({shown_span(takes)})"
    return line


def _too_slow(choice: CanaryChoice, traffic: Traffic, expected: Forecast) -> str:
    deadline = shown_seconds(choice.ladder.policy.deadline_s)
    slow = (
        f"at {shown_rate(traffic.rate)}, steps {_weights(choice.ladder)} take "
        f"{shown_span(expected.end)}, and verdict.deadline_s is {deadline}"
    )
    command = f"{COMMAND} canary {choice.wish.name}"
    if choice.instead is not None and choice.instead.expected is not None:
        takes = shown_span(choice.instead.expected.end)
        return f"{slow}: `{command} --auto --steps {_weights(choice.instead)}` takes {takes}"

    return (
        f"{slow}. No other steps are quick enough: raise verdict.deadline_s in deploy.toml, say "
        f"with --rate how many requests a second you expect, or decide yourself: `{command}`"
    )


def _weights(ladder: Ladder) -> str:
    """As `--steps` has them."""
    return ",".join(f"{step.weight / 100:g}" for step in ladder.steps)


def shown_rate(rate: float) -> str:
    """Requests a second, or in the unit in which there is at least one."""
    for unit, seconds in (("a second", 1), ("a minute", 60)):
        if rate * seconds >= 1:
            return f"{_requests(rate * seconds)} {unit}"

    return f"{_requests(rate * 3600)} an hour"


def _requests(number: float) -> str:
    shown = _rounded(number)
    return f"{shown} request" if shown == "1" else f"{shown} requests"


def shown_span(span: Span) -> str:
    """`about 2.1 h (90 %: 1.4 h to 5.9 h)`."""
    if math.isinf(span.median):
        return "more time than anybody has"

    middle, low, high = map(shown_time, (span.median, span.low, span.high))
    if low == high:
        return f"about {middle}"
    return f"about {middle} (90 %: {low} to {high})"


def shown_time(seconds: float) -> str:
    """A time to two digits, in the largest unit of which there are enough."""
    if math.isinf(seconds):
        return "never"

    for least, unit, name in _UNITS:
        if seconds >= least:
            return f"{_rounded(seconds / unit)} {name}"

    return f"{_rounded(seconds)} s"


def _rounded(number: float) -> str:
    """To two digits, or to whole numbers where it has more."""
    if number >= 10:
        return f"{float(f'{number:.2g}'):,.0f}"
    return f"{number:.2g}"
