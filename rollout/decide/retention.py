"""What is kept of versions that answer nobody: their process while they are warm, their app for the
newest few.

In: how the ledger stood over time. Out: what may go. Times are epoch seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollout.state.ledger import Ledger, Version
from rollout.state.version_state import LIVE, State

Past = Sequence[tuple[float, Ledger]]
"""Ledgers and when each came into force, newest first."""


@dataclass(frozen=True)
class IdleVersion:
    """A version whose process may go.

    idle_s: how long it had neither traffic nor another use
    rollback_target: whether it stays one, without a process
    """

    version: Version
    idle_s: float
    rollback_target: bool


@dataclass(frozen=True)
class RetentionPlan:
    """retire: the longest idle first; forget: retired versions whose app may go too, the oldest
    first.
    """

    retire: tuple[IdleVersion, ...]
    forget: tuple[str, ...]


def needed(ledger: Ledger, name: str) -> bool:
    """Whether a version has traffic or copies of it, is released, rolled out, or waits to be."""
    return ledger.weight(name) > 0 or name == ledger.released or name in set(_compared(ledger))


def _compared(ledger: Ledger) -> Iterator[str]:
    """Versions that get copies, or that a rollout in progress or in the queue is about."""
    if ledger.split:
        yield from dict(ledger.split.shadows)

    for rollout in filter(None, (ledger.rollout, ledger.queued)):
        yield from (rollout.candidate, rollout.stable)


def rollback_targets(ledger: Ledger) -> set[str]:
    """Where `rollback` leads now, and where it leads once the rollout in progress has ended."""
    return set(filter(None, (ledger.rollback_target(), *ledger.released_before[-1:])))


def standing(past: Past) -> dict[str, float]:
    """Since when each version of the newest ledger stands as it does: needed, this process idle, or
    retired.
    """
    since: dict[str, float] = {}
    if not past:
        return since

    newest = past[0][1]
    unchanged = list(newest.versions)
    for at, ledger in past:
        for name in list(unchanged):
            if _standing(ledger, name) == _standing(newest, name):
                since[name] = at
            else:
                unchanged.remove(name)

    return since


def going(
    ledger: Ledger, since: Mapping[str, float], now: float, warm_s: float, keep: int
) -> RetentionPlan:
    """What may go now. since: as `standing` has it; keep: how many retired versions keep their
    app.
    """
    cold = []
    retired_at: dict[str, tuple[float, float]] = {}
    for name, version in ledger.versions.items():
        if name not in since:
            continue

        idle_s = now - since[name]
        if version.state not in LIVE:
            retired_at[name] = since[name], 0.0
        elif may_retire(ledger, version) and idle_s > warm_s:
            retired_at[name] = now, -idle_s
            # Every version on the stack stays there: after one `rollback` the next one leads to
            # the one below.
            cold.append(IdleVersion(version, idle_s, name in ledger.released_before))

    cold.sort(key=lambda idle: (-idle.idle_s, idle.version.name))
    oldest_first = sorted(retired_at, key=lambda name: (*retired_at[name], name))
    surplus = oldest_first[: max(0, len(oldest_first) - keep)]
    return RetentionPlan(tuple(cold), tuple(name for name in surplus if may_forget(ledger, name)))


def may_retire(ledger: Ledger, version: Version) -> bool:
    """Whether exactly this process still answers nobody."""
    return (
        ledger.versions.get(version.name) == version
        and version.state == State.DEPLOYED
        and not needed(ledger, version.name)
    )


def may_forget(ledger: Ledger, name: str) -> bool:
    """Whether a version's app is no rollback target and in no rollout; whether it is retired is for
    the caller.
    """
    return name not in rollback_targets(ledger) and not needed(ledger, name)


def _standing(ledger: Ledger, name: str) -> tuple[object, ...]:
    version = ledger.versions.get(name)
    if version is None:
        return ("unknown",)
    if needed(ledger, name):
        return ("needed",)

    if version.state in LIVE:
        return ("idle", version.program, version.proven_at)
    return ("retired",)
