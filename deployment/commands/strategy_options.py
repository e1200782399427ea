"""The strategy verbs' options as weights and hold times, and the text of a plan."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli.output import printable
from deployment.workspace.errors import BadOption
from rollout.decide.side_effects import judged_by_draws, versions_with_side_effects
from rollout.decide.transitions import chosen_steps
from rollout.durations import shown_seconds
from rollout.errors import BadSetting, BadWeight
from rollout.plurals import counted
from rollout.state.ledger import Ledger, Step
from rollout.state.policy import Policy, SignalPolicy, VerdictConfig, title_of
from rollout.state.segments import column_and_value
from rollout.state.split import ALL, basis_points
from rollout.state.strategy import Strategy, strategy

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?"
COMMAND = "python deploy.py"


@dataclass(frozen=True)
class ExpectedLines:
    """What a plan says of the time that it takes: lines before the steps and after the proof, and
    the time of each step.
    """

    before: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


NOTHING_EXPECTED = ExpectedLines()


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


def canary_steps(percents: str, every: str | None) -> tuple[Step, ...]:
    """Steps of `5,25,50`; with `every` the clock takes each but the last, which a person decides.

    Raises BadOption where the text is no list of numbers, BadWeight where a number is no weight.
    """
    if every is None:
        return _held_steps(percents, None)
    return _held_steps(percents, seconds(every))


def judged_steps(percents: str, hold_s: float) -> tuple[Step, ...]:
    """Steps of an automatic canary: each is held at least so long, the last until it is proved."""
    return _held_steps(percents, hold_s)


def _held_steps(percents: str, hold_s: float | None) -> tuple[Step, ...]:
    """One step a weight; the clock does not end the last one."""
    *weights, last = map(basis_points, map(_number, percents.split(",")))
    return (*(Step(weight, hold_s) for weight in weights), Step(last, None))


def ramp_steps(over: str, count: int) -> tuple[Step, ...]:
    """`count` equal steps: the first at once, the last (all traffic) when `over` has passed."""
    if not 1 <= count <= 1000:
        raise BadWeight(f"a ramp has from 1 to 1000 steps, not {count}")

    duration = seconds(over)
    hold = duration / max(1, count - 1)
    weights = [round(ALL * number / count) for number in range(1, count)]
    return (*(Step(weight, hold) for weight in weights), Step(ALL, None))


def configured_steps(judging: VerdictConfig) -> tuple[Step, ...]:
    """Steps of `verdict.steps`; raises BadSetting where no canary can use them."""
    try:
        steps = judged_steps(judging.steps, judging.step_s)
        chosen_steps(strategy("canary"), steps)
    except (BadOption, BadWeight) as error:
        raise BadSetting(
            f"deploy.toml: 'verdict.steps' is {judging.steps!r}, and {error}"
        ) from error

    if steps[-1].weight == ALL:
        raise BadSetting(
            f"deploy.toml: 'verdict.steps' is {judging.steps!r}, and an automatic canary is "
            "released on proof: end it below 100"
        )

    return steps


def plan_lines(
    ledger: Ledger,
    how: str,
    name: str,
    steps: Sequence[Step],
    share: int = ALL,
    policy: Policy | None = None,
    expected: ExpectedLines = NOTHING_EXPECTED,
) -> list[str]:
    """The plan of a rollout in words: its steps, how it is judged, its end, the rollback target."""
    row = strategy(how)
    if policy is not None:
        policy = _judged_by(ledger, row, name, policy)
        if row.watches:
            steps = (Step(ALL, policy.watch_s),)

    stable = ledger.released or "nothing"
    chosen = tuple(steps) or tuple(map(Step, row.steps))
    lines = [f"{row.name} of {name} against {stable}: {row.summary}"]
    if row.shadows:
        lines.append(
            f"  {share / 100:g} % of the requests are copied to {name}; {stable} answers all of "
            f"them"
        )

    if policy is not None:
        lines += [*expected.before, *_judged_steps(row, chosen, policy, expected.steps)]
        return [*lines, *policy_lines(row, policy, name, stable, expected.after)]

    for number, step in enumerate(chosen, 1):
        lines.append(f"  step {number}  {_shown(step, number == len(chosen))}")

    return [*lines, f"  ends     {_end(chosen, name)}", f"  rollback {_rollback(row, stable)}"]


def _judged_steps(
    row: Strategy, steps: Sequence[Step], policy: Policy, times: Sequence[str]
) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        line = f"  step {number}  {_judged_step(row, step, policy, len(steps) == 1)}"
        yield "; ".join([line, *times[number - 1 : number]])


def policy_lines(
    row: Strategy, policy: Policy, name: str, stable: str, times: Sequence[str] = ()
) -> list[str]:
    """How an automatic rollout is judged, in words. times: lines about the proof's time."""
    back: list[str] = []
    hold: list[str] = []
    required: list[str] = []
    for rule in policy.rules:
        if rule.action == "rollback":
            back.append(f"{title_of(rule.name)}{_loss(rule)}{_percent(rule.tolerance)}")

        if rule.action == "hold":
            hold.append(f"{title_of(rule.name)}{_percent(rule.tolerance)}")

        if rule.required:
            required.append(f"{title_of(rule.name)} ({_margin(rule)})")

    alarm = f"false alarm at most {100 * policy.alpha:g} % over the whole rollout"
    lines = [f"  back     on evidence of {', '.join(back)}; {alarm}"]
    for signal, because in policy.unjudged:
        is_not = "are not" if signal.endswith("s") else "is not"
        lines.append(f"           {title_of(signal)} {is_not} judged: {because}")

    if policy.no_copies:
        lines.append(
            f"  copies   none, since {policy.no_copies}: only draws are evidence, and no load is "
            f"rehearsed"
        )

    lines += _segment_lines(policy)
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
        *times,
        f"  ends     {'; '.join(ends)}",
        f"  rollback {_rollback(row, stable)}",
    ]


def _judged_by(ledger: Ledger, row: Strategy, name: str, policy: Policy) -> Policy:
    """The policy as far as side effects let it judge; raises IllegalEvent."""
    names = (name, ledger.released or "")
    return judged_by_draws(policy, row, versions_with_side_effects(ledger, names))


def _segment_lines(policy: Policy) -> list[str]:
    """The columns by whose values pairs are looked at apart."""
    names = [name for rule in policy.rules for name in rule.segments]
    if not names:
        return []

    values = Counter(column_and_value(name)[0] for name in names)
    columns = ", ".join(f"{printable(column)} ({count})" for column, count in values.items())
    return [f"  segments {columns}: pairs of each are judged apart, too"]


_ON_CONFLICT = {
    "supersede": "another rollout ends it",
    "queue": "another rollout waits for its end",
    "refuse": "another rollout is refused meanwhile",
}
_ENDS = {
    "proof": "with {name} released, once the last step has the proof",
    "clock": "with {name} released, when its time has come",
    "watch": "with {name} released, once it is watched so long and has the proof",
    "pairs": "with the proof that {name} answers alike; no user gets its answers",
    "person": f"when a person decides: {COMMAND} promote {{name}} or {COMMAND} abort",
}


def _judged_step(row: Strategy, step: Step, policy: Policy, is_only_one: bool = False) -> str:
    weight = f"{step.weight / 100:g} %"
    if row.ends == "proof":
        if step.hold_s is None and is_only_one:
            requests = counted(policy.step_requests, "request")
            return f"{weight:>7}  at least {requests}, and until it is proved"
        if step.hold_s is None:
            return f"{weight:>7}  as long and as many requests, and until it is proved"
        least = (
            f"at least {shown_seconds(step.hold_s)} and {counted(policy.step_requests, 'request')}"
        )
        return f"{weight:>7}  {least}, while nothing looks worse"

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
        _judged_by(ledger, row, name, policy)
        step = _judged_step(row, Step(ALL, policy.watch_s), policy)
        start = f"{row.name} of {name} against {old}: {row.summary}, once it has proved itself"
        return [start, f"  step 1  {step}", *policy_lines(row, policy, name, old)]

    if old is None:
        return [
            f"release-in-place of {name}: started, proven, then all traffic; "
            "no version is released yet"
        ]

    return [
        f"release-in-place of {name}: {strategy('release-in-place').summary}",
        f"  1  {name} is started and answers its golden rows, then all traffic moves to it at once",
        f"  2  {old} finishes its requests in flight, then its process ends",
        f"  rollback {COMMAND} rollback starts {old} again first",
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

    if is_last:
        return f"{weight:>7}  until you decide"
    return f"{weight:>7}  until you take the next"


def _end(steps: Sequence[Step], name: str) -> str:
    by_person = f"{COMMAND} promote {name} --step"
    if steps and steps[-1].weight == ALL:
        if any(step.hold_s is None for step in steps[:-1]):
            return f"with {name} released, step by step: {by_person}"
        return f"with {name} released"

    end = f"{COMMAND} promote {name} (release) or {COMMAND} abort"
    if len(steps) > 1 and steps[0].hold_s is None:
        return f"{by_person} (next step), {end}"
    return end


def _rollback(row: Strategy, stable: str) -> str:
    if row.shadows:
        return f"{COMMAND} abort: no user gets its answers"

    if row.in_place:
        return (
            f"{stable}, kept running until then, started again first after it: {COMMAND} rollback"
        )

    return f"{stable}, kept running: {COMMAND} rollback"
