"""What `plan` prints: contract, environment, steps, replay and cost."""

import json
from collections.abc import Iterator
from typing import Any

from cli.render.exit_codes import BROKEN, DONE, Out
from deployment.plan.plan import Replay, RolloutPlan
from deployment.plan.recordings import Row
from deployment.plan.replay_diff import Differences, LatencyDifference
from rollout.plurals import counted
from rollout.state.contract import Contract, Kind

_SIGNS = {Kind.BREAKING: "✖", Kind.ADDITIVE: "+", Kind.NOTE: "•"}
LONGEST_ROW = 300


def show_plan(out: Out, plan: RolloutPlan, breaking: bool) -> int:
    """Print a plan; returns the exit code, 6 where it breaks the contract and `breaking` is off."""
    out.result(plan.body(), *plan_in_words(plan))
    if plan.breaking and not breaking:
        return BROKEN
    return DONE


def plan_in_words(plan: RolloutPlan) -> Iterator[str]:
    """Line by line."""
    yield from _contract(plan.contract, plan.version)
    if plan.contract is not None:
        yield from _environment(plan.environment)

    if plan.replay is not None and plan.released is not None:
        yield from _replay(plan.replay, plan.released, plan.version)

    yield from plan.steps
    if plan.cost is not None:
        yield f"cost while {plan.version} runs too"
        for item in plan.cost.lines:
            yield f"  {item}"

    yield f"  next     {plan.next}"


def _contract(contract: Contract | None, version: str) -> Iterator[str]:
    if contract is None:
        yield f"contract: nothing is released, so {version} can break nobody's"
        return

    yield f"contract of {contract.candidate} with users of {contract.stable}: {contract.verdict}"
    for kind, sign in _SIGNS.items():
        for difference in contract.differences:
            if difference.kind == kind:
                yield f"  {sign} {difference.says}"


def _environment(changes: list[tuple[str, str, str]]) -> Iterator[str]:
    if not changes:
        yield "environment: the same packages"
        return

    yield f"environment: {counted(len(changes), 'package differs', 'packages differ')}"
    for name, old, new in changes:
        yield f"  {name} {old} -> {new}"


def _replay(replay: Replay, today: str, tomorrow: str) -> Iterator[str]:
    differences = replay.differences
    rows = differences.rows
    yield (
        f"replay of {counted(rows, 'row')} ({replay.source}): "
        f"{_share(differences.changed, rows)} would change"
    )
    yield (
        f"  another answer {differences.flips}, "
        f"only {tomorrow} fails {_failures(differences, tomorrow)}, "
        f"only {today} fails {_failures(differences, today)}, "
        f"both fail {differences.failed_both}"
    )
    yield (
        f"  numbers beyond the tolerance: {_share(differences.moved, rows)}, "
        f"{differences.mean_distance:.3g} apart on average"
    )
    yield from _errors(differences)
    yield from _worst(differences, today, tomorrow)
    yield from _segments(differences)
    yield from _latency(differences.latency, today, tomorrow)
    if replay.own:
        yield f"  asked in a process of its own, stopped again: {', '.join(replay.own)}"


def _errors(differences: Differences) -> Iterator[str]:
    for cause in differences.errors:
        column = f"column '{cause.column}'" if cause.column else "no column named"
        rows = counted(cause.rows, "row")
        yield f"  ✖ only {cause.version} fails on {rows}, {column}: {cause.example}"


def _worst(differences: Differences, today: str, tomorrow: str) -> Iterator[str]:
    if differences.worst:
        yield "  furthest apart"

    for change in differences.worst:
        answers = f"{today} {_short(change.today)}, {tomorrow} {_short(change.tomorrow)}"
        yield f"    {change.distance:.3g}  {answers}  {_row(change.row)}"


def _segments(differences: Differences) -> Iterator[str]:
    if differences.for_whom:
        yield f"  for whom (all rows: {_percent(differences.changed, differences.rows)})"

    for group in differences.for_whom:
        line = f"    {group.column} {group.value}: {_share(group.changed, group.rows)} change"
        if group.mean_distance:
            line += f", {group.mean_distance:.3g} apart on average"

        yield line


def _latency(latency: LatencyDifference | None, today: str, tomorrow: str) -> Iterator[str]:
    if latency is None:
        yield "  latency: no batch was answered in full by both"
        return

    batches = f"{counted(latency.batches, 'batch', 'batches')} of {counted(latency.rows, 'row')}"
    yield (
        f"  latency of {batches}, asked in turn: {tomorrow} takes {latency.ratio:g} times as long "
        f"as {today}"
    )
    yield f"    {today} p50 {latency.today_p50:g} ms, p99 {latency.today_p99:g} ms"
    yield f"    {tomorrow} p50 {latency.tomorrow_p50:g} ms, p99 {latency.tomorrow_p99:g} ms"


def _failures(differences: Differences, version: str) -> int:
    """Rows that only this version failed on."""
    return sum(cause.rows for cause in differences.errors if cause.version == version)


def _share(part: int, rows: int) -> str:
    return f"{part} of {rows} ({_percent(part, rows)})"


def _percent(part: int, rows: int) -> str:
    return f"{100 * part / max(1, rows):.1f} %"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _row(row: Row) -> str:
    text = json.dumps(row, ensure_ascii=False)
    if len(text) <= LONGEST_ROW:
        return text
    return f"{text[:LONGEST_ROW]}..."
