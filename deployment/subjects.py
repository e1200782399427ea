"""What an act was about: the versions it touched, told from the ledger before and after it."""

from collections.abc import Sequence

from rollout.ledger import Ledger, from_body
from rollout.strategy import strategy
from store.ledger import Entry


def subjects(entries: Sequence[Entry], count: int) -> list[str]:
    """One for each of the first `count` entries, newest first; the entry after the last is what it is compared with."""
    ledgers = [from_body(entry.body, entry.revision) for entry in entries]
    before = [*ledgers[1:], *([Ledger(model=ledgers[-1].model)] if ledgers else [])]
    return [about(earlier, later) for earlier, later in zip(before[:count], ledgers[:count], strict=True)]


def about(before: Ledger, after: Ledger) -> str:
    """`v2 5 %` of a step, `v1 -> v2` of traffic that moved as a whole, `v3` of a version that came or went."""
    rollout, was = after.rollout, before.rollout
    if rollout is not None:
        if strategy(rollout.strategy).shadows:
            return rollout.candidate
        weight = after.weight(rollout.candidate)
        moved = was is None or was.id != rollout.id or before.weight(rollout.candidate) != weight
        if moved:
            return f"{rollout.candidate} {weight / 100:g} %"
    if after.released != before.released:
        return f"{before.released} -> {after.released}" if before.released else str(after.released)
    if was is not None and rollout is None:
        return was.candidate if not before.weight(was.candidate) else f"{was.candidate} -> {was.stable}"
    touched = [name for name, version in after.versions.items() if before.versions.get(name) != version]
    if touched:
        return ", ".join(touched)
    waiting = after.queued or before.queued
    return rollout.candidate if rollout else waiting.candidate if waiting else ""
