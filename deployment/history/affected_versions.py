"""What an act was about: the versions it touched, told from the ledger before and after it."""

from collections.abc import Sequence

from rollout.errors import BrokenRecord
from rollout.state.ledger import Ledger, from_body
from rollout.state.strategy import strategy
from store.entry import Entry


def subjects(entries: Sequence[Entry], count: int) -> list[str]:
    """One for each of the first `count` entries, newest first; the entry after the last is what it
    is compared with.
    """
    ledgers = [_read(entry) for entry in entries]
    before = [*ledgers[1:], *([Ledger(model=entries[-1].model)] if entries else [])]
    return [
        about(earlier, later) if earlier is not None and later is not None else ""
        for earlier, later in zip(before[:count], ledgers[:count], strict=True)
    ]


def _read(entry: Entry) -> Ledger | None:
    """None for one that this Sluice cannot read: that it was there is still worth telling."""
    try:
        return from_body(entry.body, entry.revision)
    except BrokenRecord:
        return None


def about(before: Ledger, after: Ledger) -> str:
    """`v2 5 %` of a step, `v1 -> v2` of traffic that moved as a whole, `v3` of a version that came
    or went.
    """
    rollout, was = after.rollout, before.rollout
    if rollout is not None:
        weight = after.weight(rollout.candidate)
        new = was is None or was.id != rollout.id
        if new or before.weight(rollout.candidate) != weight:
            shadow = strategy(rollout.strategy).shadows
            if shadow:
                return rollout.candidate
            return f"{rollout.candidate} {weight / 100:g} %"

    if after.queued != before.queued and rollout is not None:
        waiting = after.queued or before.queued
        if waiting:
            return waiting.candidate
        return ""

    if after.released != before.released:
        if before.released:
            return f"{before.released} -> {after.released}"
        return str(after.released)

    if was is not None and rollout is None:
        if not before.weight(was.candidate):
            return was.candidate
        return f"{was.candidate} -> {was.stable}"

    touched = [
        name for name, version in after.versions.items() if before.versions.get(name) != version
    ]
    if touched:
        return ", ".join(touched)

    waiting = after.queued or before.queued
    if rollout:
        return rollout.candidate
    if waiting:
        return waiting.candidate
    return ""
