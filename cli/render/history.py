"""What `history`, `explain` and `whoserved` print: past acts, their reasons, and who answered a
prediction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from cli.output import printable
from cli.render.exit_codes import Out
from cli.render.terminal import console
from cli.render.verdict.text import Shown, shown
from deployment.history import explanation, moment, prediction_origin
from deployment.history.affected_versions import subjects
from deployment.history.explanation import Explanation
from deployment.history.segment_lines import segment_lines
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened_record
from deployment.workspace.workspace import Workspace
from rollout.plurals import counted
from rollout.verdict.words.answers import answers, keyed
from rollout.verdict.words.earlier_words import as_of_today
from store.entry import Entry
from store.ledger import LedgerStore


def newest_acts(workspace: Workspace, out: Out, number: int, verify: bool) -> None:
    """Print the newest acts; raises LedgerBroken where the chain does not hold."""
    with opened_record(workspace) as store:
        verified = _verified(store, verify)
        entries = store.history(limit=number + 1)

    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    for entry, about in zip(entries, subjects(entries, number), strict=False):
        rows.append(_row(entry, about))
        lines.append(_line(entry, about))

    if not lines:
        lines = ["nothing was done yet"]

    out.result({"history": rows, "verified": verified}, *lines, *_chain_lines(verified))


def at(workspace: Workspace, out: Out, text: str, verify: bool) -> None:
    """Print which revision was in force at a moment; raises EdgeFailure before the first act."""
    asked = moment.moment(text, datetime.now(UTC))
    with opened_record(workspace) as store:
        verified = _verified(store, verify)
        in_force = moment.look_back(store, asked.at)

    value, lines = moment.described(asked, in_force)
    out.result({**value, "verified": verified}, *lines, *_chain_lines(verified))


def who_served(workspace: Workspace, out: Out, token: str) -> None:
    """Print which version answered a prediction."""
    origin = prediction_origin.who_served(workspace, token)
    out.result(origin, *prediction_origin.lines(origin))


def explain(workspace: Workspace, out: Out, revision: int | None, with_odds: bool = False) -> None:
    """Print why an act was done: the verdict as a table on a terminal, as aligned text in a pipe.

    Without a revision the newest act, and the verdict of now where a rollout is judged. Raises
    EdgeFailure for an unknown revision or a verdict that cannot be read."""
    with opened_record(workspace) as store:
        act = explanation.explained(store, revision)

    now = None
    if revision is None:
        now = explanation.verdict_of_now(workspace, act.after)

    if out.as_json:
        out.result({**explanation.value(act), "now": now, "answers": _answers(act, now)})
        return

    numbers, segments = verdict_of(act, with_odds), segments_of(act, act.verdict)
    if now is not None:
        numbers = shown(act.entry.model, now, with_odds=with_odds)
        segments = segments_of(act, now)

    out.result({}, *explanation.deed_lines(act))
    if now is not None:
        out.result({}, "", "The rollout now:")
    if numbers is not None:
        _show(out, numbers, segments)


def _show(out: Out, numbers: Shown, segments: list[str]) -> None:
    screen = console()
    if not screen.is_terminal:
        out.result({}, "", *numbers.lines, *segments)
        return

    from cli.render.verdict.table import drawn_verdict

    screen.print("", drawn_verdict(numbers), *segments, sep="\n", markup=False, highlight=False)


def verdict_of(act: Explanation, with_odds: bool = False) -> Shown | None:
    """The act's verdict in words, None without one; raises EdgeFailure if it cannot be read."""
    if act.verdict is None:
        return None

    with _unreadable_explained(act):
        return shown(act.entry.model, act.verdict, act.entry.action, with_odds)


def segments_of(act: Explanation, verdict: dict[str, Any] | None) -> list[str]:
    """The segments of a verdict after an empty line; raises EdgeFailure if they cannot be read.

    act: the one that is explained.
    """
    with _unreadable_explained(act):
        lines = segment_lines(verdict)

    if lines:
        return ["", *lines]
    return []


@contextmanager
def _unreadable_explained(act: Explanation) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        revision = act.entry.revision
        raise EdgeFailure(
            f"the verdict of revision {revision} cannot be read "
            f"({type(error).__name__}: {error}): "
            f"`python deploy.py explain {revision} --json` shows it as it is stored"
        ) from error


def _answers(act: Explanation, now: dict[str, Any] | None) -> dict[str, str] | None:
    """The four answers as JSON: those of now, or those behind the act; None where they cannot be
    read.
    """
    stored, action = act.verdict, act.entry.action
    if now is not None:
        stored, action = now, ""
    if stored is None:
        return None

    try:
        return keyed(answers(as_of_today(stored), action))
    except (KeyError, TypeError, ValueError):
        return None


def _verified(store: LedgerStore, verify: bool) -> int | None:
    """How many revisions the chain holds, None if it is not to be checked."""
    if verify:
        return store.verify()
    return None


def _chain_lines(verified: int | None) -> list[str]:
    if verified is None:
        return []
    return [f"✔ the chain of {counted(verified, 'revision')} holds"]


def _line(entry: Entry, about: str) -> str:
    because = f'  "{printable(entry.reason)}"' if entry.reason else ""
    return (
        f"r{entry.revision:<4} {entry.at:%Y-%m-%d %H:%M:%S}  {entry.action:<16} {about:<12} "
        f"{printable(entry.actor)}{because}"
    )


def _row(entry: Entry, about: str) -> dict[str, Any]:
    return {
        "revision": entry.revision,
        "action": entry.action,
        "actor": entry.actor,
        "reason": entry.reason,
        "hash": entry.hash,
        "about": about,
        "at": entry.at.isoformat(),
    }
