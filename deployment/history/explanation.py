"""`explain`: what stood behind an act: the verdict's numbers, or the person who did it, and what it
changed.
"""

from dataclasses import dataclass
from typing import Any

from cli.render import verdict
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
from rollout.state.ledger import Ledger, from_body
from store import LedgerStore
from store.entry import Entry

NO_VERDICT = "no verdict stood behind it"


@dataclass(frozen=True)
class Explained:
    """An act with the ledger before and after it. verdict: the stored numbers behind it, None where
    there are none.
    """

    entry: Entry
    before: Ledger
    after: Ledger
    verdict: dict[str, Any] | None


def explained(store: LedgerStore, revision: int | None) -> Explained:
    """The act of a revision, by default the newest; raises EdgeFailure where it is not there,
    BrokenRecord.
    """
    newest = store.newest()
    if newest is None:
        raise EdgeFailure("nothing was ever recorded: there is nothing to explain")

    wanted = newest.revision if revision is None else revision
    if not 1 <= wanted <= newest.revision:
        raise EdgeFailure(
            f"revision {wanted} was not recorded, 1 to {newest.revision} were: `python deploy.py "
            f"history` lists them"
        )

    entries = {entry.revision: entry for entry in store.history(limit=newest.revision - wanted + 2)}
    entry, earlier = entries[wanted], entries.get(wanted - 1)
    before = from_body(earlier.body, earlier.revision) if earlier else Ledger(model=store.model)
    return Explained(entry, before, from_body(entry.body, wanted), entry.body.get("verdict"))


def value(found: Explained) -> dict[str, Any]:
    """The same as JSON: weights in percent, the verdict as it is stored."""
    before, after = found.before, found.after
    return {
        **row(found.entry),
        "split": {"before": split_of(before), "after": split_of(after)},
        "released": {"before": before.released, "after": after.released},
        "rollout": {"before": rollout_of(before.rollout), "after": rollout_of(after.rollout)},
        "verdict": found.verdict,
    }


def deed_lines(found: Explained) -> list[str]:
    """Who did it, when, and what it changed."""
    before, after = found.before, found.after
    return [
        f"revision {found.entry.revision}: {deed(found.entry)}",
        f"  when      {shown(found.entry.at)}",
        f"  split     {_changed(shown_split(before), shown_split(after))}",
        f"  released  {_changed(before.released or 'nothing', after.released or 'nothing')}",
        f"  rollout   {_changed(rollout_words(before.rollout), rollout_words(after.rollout))}",
        *([] if found.verdict else [f"  {NO_VERDICT}"]),
    ]


def numbers(found: Explained) -> verdict.Shown | None:
    """The verdict in words, None where no verdict stood behind the act; raises EdgeFailure where it
    cannot be read.
    """
    if found.verdict is None:
        return None

    try:
        return verdict.shown(found.entry.model, found.verdict)
    except (KeyError, TypeError, ValueError) as error:
        raise EdgeFailure(
            f"the verdict of revision {found.entry.revision} cannot be read "
            f"({type(error).__name__}: {error}): "
            f"`python deploy.py explain {found.entry.revision} --json` shows it as it is stored"
        ) from error


def _changed(before: str, after: str) -> str:
    if before == after:
        return f"{before}  (as before)"
    return f"{before} -> {after}"
