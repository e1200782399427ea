"""What the strategy verbs' options mean: weights and hold times, and the plan in words, shown
before it starts.
"""

import re
from collections.abc import Sequence

from deployment.workspace.errors import BadOption
from rollout.decide.transitions import chosen_steps
from rollout.errors import BadSetting, BadWeight
from rollout.plurals import counted
from rollout.state.ledger import Ledger, Step
from rollout.state.policy import Policy, SignalPolicy, VerdictConfig, title_of
from rollout.state.split import ALL, basis_points
from rollout.state.strategy import Strategy, strategy

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?"
COMMAND = "python deploy.py"


def seconds(text: str) -> float:
    """Seconds of `30s`, `10m`, `1h30m` or a plain number; raises BadOption."""
    compact = text.strip().replace(" ", "").lower()
    parts = re.findall(_PART, compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise BadOption(f"'{text}' is no duration: write 30s, 10m or 1h30m")
    if any(not unit for _, unit in parts) and len(parts) > 1:
        raise BadOption(f"'{text}' is no duration: give every part its unit")

    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if not 0 < total <= 366 * 86_400:
        raise BadOption(f"'{text}' is no duration: give more than nothing and at most a year")

    return total


def shown_seconds(duration: float) -> str:
    """The shortest plain form: `90 s` up to two minutes, then `2.5 min`, `3 h`."""
    if duration < 120:
        return f"{duration:.3g} s"
    if duration < 7200:
        return f"{duration / 60:.3g} min"
    return f"{duration / 3600:.3g} h"


def canary_steps(percents: str, every: str | None) -> tuple[Step, ...]:
    """Steps of `5,25,50`; with `every` the clock takes each but the last, which a person decides.

    Raises BadOption where the text is no list of numbers, BadWeight where a number is no weight.
    """
    weights = [basis_points(_number(text)) for text in percents.split(",")]
    hold = None if every is None else seconds(every)
    return tuple(
        Step(weight, None if place == len(weights) else hold)
        for place, weight in enumerate(weights, 1)
    )


def ramp_steps(over: str, count: int) -> tuple[Step, ...]:
    """`count` equal steps; the first is taken at once, the last is all traffic when `over` has
    passed.
    """
    if not 1 <= count <= 1000:
        raise BadWeight(f"a ramp has from 1 to 1000 steps, not {count}")

    duration = seconds(over)
    hold = duration / max(1, count - 1)
    weights = [round(ALL * place / count) for place in range(1, count + 1)]
    return tuple(Step(weight, None if weight == ALL else hold) for weight in weights)


def judged_steps(percents: str, hold_s: float) -> tuple[Step, ...]:
    """Steps of a canary that runs by itself: each is held so long at least, the last until it is
    proved.
    """
    weights = [basis_points(_number(text)) for text in percents.split(",")]
    return tuple(
        Step(weight, None if place == len(weights) else hold_s)
        for place, weight in enumerate(weights, 1)
    )


def configured_steps(judging: VerdictConfig) -> tuple[Step, ...]:
    """Steps of `verdict.steps`; raises BadSetting where no canary could go by them."""
    try:
        steps = judged_steps(judging.steps, judging.step_s)
        chosen_steps(strategy("canary"), steps)
    except (BadOption, BadWeight) as error:
        raise BadSetting(
            f"deploy.toml: 'verdict.steps' is {judging.steps!r}, and {error}"
        ) from error

    if steps[-1].weight == ALL:
        raise BadSetting(
            f"deploy.toml: 'verdict.steps' is {judging.steps!r}, and a canary that runs by itself "
            f"is released on "
            "proof: end it below 100"
        )

    return steps


def plan_lines(
    ledger: Ledger,
    how: str,
    name: str,
    steps: Sequence[Step],
    share: int = ALL,
    policy: Policy | None = None,
) -> list[str]:
    """The plan of a rollout in words: its steps, how it is judged, what ends it, and the way
    back.
    """
    row = strategy(how)
    if policy is not None and row.watches:
        steps = (Step(ALL, policy.watch_s),)

    stable = ledger.released or "nothing"
    chosen = tuple(steps) or tuple(Step(weight) for weight in row.steps)
    lines = [f"{row.name} of {name} against {stable}: {row.summary}"]
    if row.shadows:
        lines.append(
            f"  {share / 100:g} % of the requests are copied to {name}; {stable} answers all of "
            f"them"
        )

    if policy is not None:
        lines += [
            f"  step {place}  {_judged_step(row, step, policy)}"
            for place, step in enumerate(chosen, 1)
        ]
        return [*lines, *policy_lines(row, policy, name, stable)]

    lines += [
        f"  step {place}  {_shown(step, step is chosen[-1])}"
        for place, step in enumerate(chosen, 1)
    ]
    return [*lines, f"  ends     {_end(chosen, name)}", f"  way back {_way_back(row, stable)}"]


def policy_lines(row: Strategy, policy: Policy, name: str, stable: str) -> list[str]:
    """How a rollout that runs by itself is judged, in words."""
    back = [
        f"{title_of(rule.name)}{_loss(rule)}{_percent(rule.tolerance)}"
        for rule in policy.rules
        if rule.action == "rollback"
    ]
    hold = [
        f"{title_of(rule.name)}{_percent(rule.tolerance)}"
        for rule in policy.rules
        if rule.action == "hold"
    ]
    required = [
        f"{title_of(rule.name)} ({_margin(rule)})" for rule in policy.rules if rule.required
    ]
    alarm = f"false alarm at most {100 * policy.alpha:g} % over the whole rollout"
    lines = [f"  back     on evidence of {', '.join(back)}; {alarm}"]
    for signal, because in policy.unjudged:
        is_not = "are" if signal.endswith("s") else "is"
        lines.append(f"           {title_of(signal)} {is_not} not judged: {because}")

    if hold:
        lines.append(f"  held     on evidence of {', '.join(hold)}, until `{COMMAND} resume`")

    if required:
        lines.append(
            f"  proof    required of {', '.join(required)}, wrong at most {100 * policy.beta:g} %"
        )

    ends = [_ENDS[row.ends].format(name=name)]
    if row.ends != "person":
        ends.append(f"after {shown_seconds(policy.deadline_s)} undecided: {policy.undecided}")

    ends.append(_ON_CONFLICT[policy.on_conflict])
    return [
        *lines,
        f"  ends     {'; '.join(ends)}",
        f"  way back {_way_back(row, stable)}",
    ]


_ON_CONFLICT = {
    "supersede": "another rollout ends it",
    "queue": "another rollout waits for its end",
    "refuse": "another rollout is refused meanwhile",
}
_ENDS = {
    "proof": "with {name} released, once the last step has the proof",
    "clock": "with {name} released, when its time has come",
    "watch": "with {name} released, once it is watched so long and has the proof",
    "pairs": "with the proof that {name} answers alike; no user meets it",
    "person": f"when a person decides: {COMMAND} promote {{name}} or {COMMAND} abort",
}


def _judged_step(row: Strategy, step: Step, policy: Policy) -> str:
    weight = f"{step.weight / 100:g} %"
    if row.ends == "proof":
        if step.hold_s is None:
            return f"{weight:>7}  as long and as many requests, and until it is proved"
        least = (
            f"at least {shown_seconds(step.hold_s)} and {counted(policy.step_requests, 'request')}"
        )
        return f"{weight:>7}  {least}, while nothing speaks against it"

    if row.watches:
        return (
            f"{weight:>7}  watched for at least {shown_seconds(policy.watch_s)}, the old version "
            f"asked the same"
        )

    if step.hold_s is not None or step.weight == ALL:
        return _shown(step, True)
    return f"{weight:>7}  held"


def _margin(rule: SignalPolicy) -> str:
    if rule.name == "latency":
        return f"x{1 + rule.margin:g}"
    return f"+{100 * rule.margin:g} pp"


def _loss(rule: SignalPolicy) -> str:
    if rule.loss in ("", "wrong"):
        return ""
    return f" ({rule.loss}, {rule.bound:g} is the most)"


def _percent(tolerance: float) -> str:
    if tolerance:
        return f" (beyond {100 * tolerance:g} %)"
    return ""


def in_place_lines(ledger: Ledger, name: str, policy: Policy | None = None) -> list[str]:
    """The plan of a release in place in words."""
    old = ledger.released
    if policy is not None and old is not None:
        row = strategy("release-in-place")
        step = _judged_step(row, Step(ALL, policy.watch_s), policy)
        start = f"{row.name} of {name} against {old}: {row.summary}, once it has proved itself"
        return [start, f"  step 1  {step}", *policy_lines(row, policy, name, old)]

    if old is None:
        return [
            f"release-in-place of {name}: started, proven, then all traffic; nothing is released "
            f"before it"
        ]

    return [
        f"release-in-place of {name}: {strategy('release-in-place').summary}",
        f"  1  {name} is started and answers its golden rows, then all traffic moves to it at once",
        f"  2  {old} gets its requests under way to an end, then its process ends",
        f"  way back {COMMAND} rollback starts {old} again first",
    ]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadOption(f"'{text}' is no percentage: write numbers such as 5,25,50") from None


def _shown(step: Step, is_last: bool) -> str:
    weight = f"{step.weight / 100:g} %"
    if step.weight == ALL:
        return f"{weight:>7}  released"
    if step.hold_s is not None:
        return f"{weight:>7}  for {shown_seconds(step.hold_s)}"

    return f"{weight:>7}  until {'you decide' if is_last else 'you take the next'}"


def _end(steps: Sequence[Step], name: str) -> str:
    if steps and steps[-1].weight == ALL:
        waits = any(step.hold_s is None for step in steps[:-1])
        return f"with {name} released" + (
            f", step by step: {COMMAND} promote {name} --step" if waits else ""
        )

    step = (
        f"{COMMAND} promote {name} --step (next step), "
        if len(steps) > 1 and steps[0].hold_s is None
        else ""
    )
    return f"{step}{COMMAND} promote {name} (release) or {COMMAND} abort"


def _way_back(row: Strategy, stable: str) -> str:
    if row.shadows:
        return f"{COMMAND} abort: no user meets it"

    if row.in_place:
        return (
            f"{stable}, kept running until then, started again first after it: {COMMAND} rollback"
        )

    return f"{stable}, kept running: {COMMAND} rollback"
