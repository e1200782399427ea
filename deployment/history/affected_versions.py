"""Which versions an act changed, from the ledger before and after it."""

from collections.abc import Sequence

from rollout.errors import BrokenRecord
from rollout.state.ledger import Ledger, from_body
from rollout.state.strategy import strategy
from store.entry import Entry


def subjects(entries: Sequence[Entry], count: int) -> list[str]:
    """One text for each of the first `count` entries, newest first.

    Each entry is compared with the one after it, the last with an empty ledger."""
    if not entries:
        return []

    after = list(map(_read, entries))
    before = [*after[1:], Ledger(model=entries[-1].model)]
    return list(map(_about, before[:count], after[:count]))


def _read(entry: Entry) -> Ledger | None:
    """None for an entry that this release cannot read: history lists it all the same."""
    try:
        return from_body(entry.body, entry.revision)
    except BrokenRecord:
        return None


def _about(before: Ledger | None, after: Ledger | None) -> str:
    if before is None or after is None:
        return ""
    return about(before, after)


def about(before: Ledger, after: Ledger) -> str:
    """`v2 5 %` of a step, `v1 -> v2` of traffic that moved as a whole, `v3` of a version that was
    started or stopped.
    """
    return (
        _moved_share(before, after)
        or _queue_change(before, after)
        or _release(before, after)
        or _ended_rollout(before, after)
        or _touched(before, after)
        or _unchanged(before, after)
    )


def _moved_share(before: Ledger, after: Ledger) -> str:
    """A rollout that began or whose share changed."""
    rollout = after.rollout
    if rollout is None:
        return ""

    weight = after.weight(rollout.candidate)
    is_new = before.rollout is None or before.rollout.id != rollout.id
    if not is_new and before.weight(rollout.candidate) == weight:
        return ""

    if strategy(rollout.strategy).shadows:
        return rollout.candidate
    return f"{rollout.candidate} {weight / 100:g} %"


def _queue_change(before: Ledger, after: Ledger) -> str:
    if after.rollout is None or after.queued == before.queued:
        return ""
    return _queued_candidate(before, after)


def _release(before: Ledger, after: Ledger) -> str:
    if after.released == before.released:
        return ""
    if before.released:
        return f"{before.released} -> {after.released}"
    return str(after.released)


def _ended_rollout(before: Ledger, after: Ledger) -> str:
    ended = before.rollout
    if ended is None or after.rollout is not None:
        return ""

    if before.weight(ended.candidate):
        return f"{ended.candidate} -> {ended.stable}"
    return ended.candidate


def _touched(before: Ledger, after: Ledger) -> str:
    """Versions that were added or changed."""
    names: list[str] = []
    for name, version in after.versions.items():
        if before.versions.get(name) != version:
            names.append(name)

    return ", ".join(names)


def _unchanged(before: Ledger, after: Ledger) -> str:
    if after.rollout:
        return after.rollout.candidate
    return _queued_candidate(before, after)


def _queued_candidate(before: Ledger, after: Ledger) -> str:
    queued = after.queued or before.queued
    if queued is None:
        return ""
    return queued.candidate
