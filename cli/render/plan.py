"""A plan in words: contract, environment, steps, and what a replay found."""

import json
from collections.abc import Iterator
from typing import Any

from deployment.plan.plan import Planned, Replay
from deployment.plan.recordings import Row
from deployment.plan.replay_diff import Differences, LatencyDifference
from rollout.plurals import counted
from rollout.state.contract import Contract, Kind

_SIGNS = {Kind.BREAKING: "✖", Kind.ADDITIVE: "+", Kind.NOTE: "•"}
LONGEST_ROW = 300


def plan_in_words(planned: Planned) -> Iterator[str]:
    """Line by line."""
    yield from _contract(planned.contract, planned.version)
    if planned.contract is not None:
        yield from _environment(planned.environment)

    if planned.replay is not None and planned.released is not None:
        yield from _replay(planned.replay, planned.released, planned.version)

    yield from planned.steps
    if planned.cost is not None:
        yield f"cost while {planned.version} runs too"
        yield from (f"  {line}" for line in planned.cost.lines)

    yield f"  next     {planned.next}"


def _contract(contract: Contract | None, version: str) -> Iterator[str]:
    if contract is None:
        yield f"contract: nothing is released, so {version} can break nobody's"
        return

    yield f"contract of {contract.candidate} with users of {contract.stable}: {contract.verdict}"
    ordered = sorted(contract.differences, key=lambda each: list(_SIGNS).index(each.kind))
    yield from (f"  {_SIGNS[each.kind]} {each.says}" for each in ordered)


def _environment(changes: list[tuple[str, str, str]]) -> Iterator[str]:
    differ = counted(len(changes), "package differs", "packages differ")
    yield f"environment: {differ if changes else 'the same packages'}"
    yield from (f"  {name} {old} -> {new}" for name, old, new in changes)


def _replay(replay: Replay, today: str, tomorrow: str) -> Iterator[str]:
    found = replay.found
    yield (
        f"replay of {counted(found.rows, 'row')} ({replay.source}): "
        f"{_share(found.changed, found.rows)} would change"
    )
    failed = ", ".join(
        f"only {version} fails {_failures(found, version)}" for version in (tomorrow, today)
    )
    yield f"  another answer {found.flips}, {failed}, both fail {found.failed_both}"
    apart = f"{found.mean_distance:.3g} apart on average"
    yield f"  numbers beyond the tolerance: {_share(found.moved, found.rows)}, {apart}"
    yield from _errors(found)
    yield from _worst(found, today, tomorrow)
    yield from _for_whom(found)
    yield from _latency(found.latency, today, tomorrow)
    if replay.own:
        yield f"  asked in a process of its own, stopped again: {', '.join(replay.own)}"


def _errors(found: Differences) -> Iterator[str]:
    for each in found.errors:
        where = f"column '{each.column}'" if each.column else "no column named"
        yield (
            f"  ✖ only {each.version} fails on {counted(each.rows, 'row')}, {where}: {each.example}"
        )


def _worst(found: Differences, today: str, tomorrow: str) -> Iterator[str]:
    if found.worst:
        yield "  furthest apart"
    for each in found.worst:
        answers = f"{today} {_short(each.today)}, {tomorrow} {_short(each.tomorrow)}"
        yield f"    {each.distance:.3g}  {answers}  {_row(each.row)}"


def _for_whom(found: Differences) -> Iterator[str]:
    if found.for_whom:
        yield f"  for whom (all rows: {_percent(found.changed, found.rows)})"
    for each in found.for_whom:
        apart = f", {each.mean_distance:.3g} apart on average" if each.mean_distance else ""
        yield f"    {each.column} {each.value}: {_share(each.changed, each.rows)} change{apart}"


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


def _failures(found: Differences, version: str) -> int:
    return sum(each.rows for each in found.errors if each.version == version)


def _share(part: int, rows: int) -> str:
    return f"{part} of {rows} ({_percent(part, rows)})"


def _percent(part: int, rows: int) -> str:
    return f"{100 * part / rows if rows else 0:.1f} %"


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
