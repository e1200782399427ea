"""What is kept of versions that answer nobody: their process while they are warm, their app for the
newest few.

How the ledger stood over time goes in, what may go comes out. Times are epoch seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollout.state.ledger import Ledger, Version
from rollout.state.version_state import LIVE, State

Past = Sequence[tuple[float, Ledger]]
"""Ledgers and when each came into force, newest first."""


@dataclass(frozen=True)
class IdleVersion:
    """A version whose process may go. idle_s: nobody needed it for so long; way_back: it stays one
    all the same.
    """

    version: Version
    idle_s: float
    way_back: bool


@dataclass(frozen=True)
class RetentionPlan:
    """retire: the longest idle first; forget: retired versions whose app may go too, the oldest
    first.
    """

    retire: tuple[IdleVersion, ...]
    forget: tuple[str, ...]


def needed(ledger: Ledger, name: str) -> bool:
    """Whether a version has traffic or copies of it, is released, rolled out, or waits to be."""
    rolling = [each for each in (ledger.rollout, ledger.queued) if each is not None]
    shadows = [version for version, _ in ledger.split.shadows] if ledger.split else []
    by_rollouts = [version for each in rolling for version in (each.candidate, each.stable)]
    return ledger.weight(name) > 0 or name in (ledger.released, *shadows, *by_rollouts)


def way_back(ledger: Ledger) -> set[str]:
    """Where `rollback` leads now, and where it leads once the rollout in progress has ended."""
    return {
        name
        for name in (ledger.rollback_target(), *ledger.released_before[-1:])
        if name is not None
    }


def standing(past: Past) -> dict[str, float]:
    """Since when each version of the newest ledger stands as it does: needed, this process idle, or
    retired.
    """
    newest = past[0][1] if past else None
    since: dict[str, float] = {}
    open_ = {name: _standing(newest, name) for name in newest.versions} if newest else {}
    for at, ledger in past:
        open_ = {name: how for name, how in open_.items() if how == _standing(ledger, name)}
        since |= dict.fromkeys(open_, at)

    return since


def going(
    ledger: Ledger, since: Mapping[str, float], now: float, warm_s: float, keep: int
) -> RetentionPlan:
    """What may go now. since: as `standing` has it; keep: how many retired versions keep their
    app.
    """
    idle = {
        v: now - since[v.name]
        for v in ledger.versions.values()
        if v.name in since and may_retire(ledger, v)
    }
    # Every version on the stack stays there: after one `rollback` the next one leads to the one
    # below.
    cold = [
        IdleVersion(v, idle_s, v.name in ledger.released_before)
        for v, idle_s in idle.items()
        if idle_s > warm_s
    ]
    ended = {
        v.name: (since[v.name], 0.0)
        for v in ledger.versions.values()
        if v.name in since and v.state not in LIVE
    }
    ended |= {each.version.name: (now, -each.idle_s) for each in cold}
    oldest_first = sorted(ended, key=lambda name: (*ended[name], name))
    forget = [
        name for name in oldest_first[: max(0, len(ended) - keep)] if may_forget(ledger, name)
    ]
    return RetentionPlan(
        tuple(sorted(cold, key=lambda each: (-each.idle_s, each.version.name))), tuple(forget)
    )


def may_retire(ledger: Ledger, version: Version) -> bool:
    """Whether exactly this process still answers nobody."""
    return (
        ledger.versions.get(version.name) == version
        and version.state == State.DEPLOYED
        and not needed(ledger, version.name)
    )


def may_forget(ledger: Ledger, name: str) -> bool:
    """Whether a version's app is nobody's way back and no rollout's; whether it is retired is for
    the caller.
    """
    return name not in way_back(ledger) and not needed(ledger, name)


def _standing(ledger: Ledger, name: str) -> tuple[object, ...]:
    version = ledger.versions.get(name)
    if version is None:
        return ("unknown",)
    if needed(ledger, name):
        return ("needed",)

    if version.state in LIVE:
        return ("idle", version.program, version.proven_at)
    return ("retired",)
