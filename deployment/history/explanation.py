"""`explain`: why an act was done (a verdict or a person) and what it changed."""

from dataclasses import dataclass
from typing import Any

from deployment.history.moment import (
    deed,
    rollout_of,
    rollout_words,
    row,
    shown,
    shown_split,
    split_of,
)
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, from_body
from store import LedgerStore
from store.entry import Entry

NO_VERDICT = "no verdict stood behind it"


@dataclass(frozen=True)
class Explanation:
    """An act with the ledger before and after it. verdict: as stored, None without one."""

    entry: Entry
    before: Ledger
    after: Ledger
    verdict: dict[str, Any] | None


def explained(store: LedgerStore, revision: int | None) -> Explanation:
    """The act of a revision, by default the newest.

    Raises EdgeFailure for a revision that was not recorded, BrokenRecord."""
    newest = store.newest()
    if newest is None:
        raise EdgeFailure("nothing was ever recorded: there is nothing to explain")

    if revision is None:
        revision = newest.revision

    if not 1 <= revision <= newest.revision:
        raise EdgeFailure(
            f"revision {revision} was not recorded, 1 to {newest.revision} were: "
            "`python deploy.py history` lists them"
        )

    entries = store.history(limit=newest.revision - revision + 2)
    by_revision = {entry.revision: entry for entry in entries}
    entry = by_revision[revision]
    before = _ledger_of(store, by_revision.get(revision - 1))
    after = from_body(entry.body, revision)
    return Explanation(entry, before, after, entry.body.get("verdict"))


def value(act: Explanation) -> dict[str, Any]:
    """The act as JSON: weights in percent, the verdict as it is stored."""
    before, after = act.before, act.after
    return {
        **row(act.entry),
        "split": {"before": split_of(before), "after": split_of(after)},
        "released": {"before": before.released, "after": after.released},
        "rollout": {"before": rollout_of(before.rollout), "after": rollout_of(after.rollout)},
        "verdict": act.verdict,
    }


def verdict_of_now(workspace: Workspace, ledger: Ledger) -> dict[str, Any] | None:
    """The current verdict of the rollout in progress; None unless one is judged.

    Raises StoreError."""
    if ledger.rollout is None or ledger.rollout.policy is None:
        return None

    # What no rollout stands behind is explained without NumPy and SQLAlchemy.
    from deployment.current_verdict import judged

    with opened(workspace) as database:
        return judged(database, ledger)


def deed_lines(act: Explanation) -> list[str]:
    """Who did it, when, and what it changed."""
    before, after = act.before, act.after
    lines = [
        f"revision {act.entry.revision}: {deed(act.entry)}",
        f"  when      {shown(act.entry.at)}",
        f"  split     {_changed(shown_split(before), shown_split(after))}",
        f"  released  {_changed(before.released or 'nothing', after.released or 'nothing')}",
        f"  rollout   {_changed(rollout_words(before.rollout), rollout_words(after.rollout))}",
    ]
    if not act.verdict:
        lines.append(f"  {NO_VERDICT}")

    return lines


def _ledger_of(store: LedgerStore, entry: Entry | None) -> Ledger:
    """The ledger of an entry, an empty one before the first."""
    if entry is None:
        return Ledger(model=store.model)
    return from_body(entry.body, entry.revision)


def _changed(before: str, after: str) -> str:
    if before == after:
        return f"{before}  (as before)"
    return f"{before} -> {after}"
