"""What `plan` prints: contract, environment, steps, replay and cost."""

from collections.abc import Iterator

from cli.render.differences import differences_in_words, shares_in_words
from cli.render.exit_codes import BROKEN, DONE, Out
from deployment.plan.plan import Replay, RolloutPlan
from rollout.differences.summary import LatencyDifference
from rollout.plurals import counted
from rollout.state.contract import Contract, Kind

_SIGNS = {Kind.BREAKING: "✖", Kind.ADDITIVE: "+", Kind.NOTE: "•"}


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
    rows = counted(replay.differences.rows, "row")
    yield (
        f"replay of {rows} ({replay.source}): {shares_in_words(replay.differences)} would change"
    )
    yield from differences_in_words(replay.differences, today, tomorrow)
    yield from _latency(replay.differences.latency, today, tomorrow)
    if replay.own:
        yield f"  asked in a process of its own, stopped again: {', '.join(replay.own)}"


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
