"""Which revision was in force at a moment: read off the entries, told in words and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment.commands.strategy_options import seconds
from deployment.workspace.errors import BadOption, EdgeFailure
from rollout.state.ledger import Ledger, Rollout, from_body
from store import LedgerStore
from store.entry import Entry

# Most questions are about the last days.
RECENT = 100


@dataclass(frozen=True)
class Moment:
    """A moment as it was asked for. at: in UTC; note: how the text was read, empty where it said
    everything itself.
    """

    at: datetime
    note: str = ""


@dataclass(frozen=True)
class InForce:
    """The entry that was in force and the one that followed it, None where it is still in force."""

    entry: Entry
    follower: Entry | None


def moment(text: str, now: datetime) -> Moment:
    """The moment of an ISO 8601 time, with or without a zone, or of a duration ago such as `2h`;
    raises BadOption.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        at, note = _ago(text, now), f"{text.strip()} ago"
    else:
        note = "" if at.tzinfo else "no zone given: read as local time"

    # Python takes a time without a zone as local here.
    at = _in_utc(at, text)
    if at > now:
        raise BadOption(f"'{text}' is still to come ({shown(at)}): give a time that has passed")

    return Moment(at, note)


def in_force(entries: Sequence[Entry], at: datetime) -> InForce | None:
    """The newest of the entries that was recorded by then; None where all came later."""
    before = [entry for entry in entries if entry.at <= at]
    if not before:
        return None

    found = max(before, key=lambda entry: entry.revision)
    return InForce(
        found, next((entry for entry in entries if entry.revision == found.revision + 1), None)
    )


def look_back(store: LedgerStore, at: datetime) -> InForce:
    """What was in force then; raises EdgeFailure before the first act, StoreError."""
    entries = store.history(limit=RECENT)
    found = in_force(entries, at)
    if found is None and len(entries) == RECENT:
        entries = store.history()
        found = in_force(entries, at)

    if found is not None:
        return found
    if not entries:
        raise EdgeFailure("nothing was ever recorded: no version was live")

    first = entries[-1]
    raise EdgeFailure(
        f"no version was live at {shown(at)}: the first act, '{first.action}' by {first.actor}, "
        f"was recorded at {shown(first.at)}"
    )


def told(asked: Moment, found: InForce) -> tuple[dict[str, Any], list[str]]:
    """What was in force, as JSON (weights in percent) and in lines; raises BrokenRecord."""
    entry, ledger = found.entry, from_body(found.entry.body, found.entry.revision)
    value = {
        "at": asked.at.isoformat(),
        "read_as": asked.note,
        **row(entry),
        "until": found.follower.at.isoformat() if found.follower else None,
        "released": ledger.released,
        "split": split_of(ledger),
        "shadows": shadows_of(ledger),
        "rollout": rollout_of(ledger.rollout),
    }
    note = f" ({asked.note})" if asked.note else ""
    until = (
        f"until revision {found.follower.revision}, {shown(found.follower.at)}"
        if found.follower
        else "since then"
    )
    lines = [
        f"revision {entry.revision} was in force at {shown(asked.at)}{note}",
        f"  split     {shown_split(ledger)}",
        f"  released  {ledger.released or 'nothing'}",
        f"  rollout   {rollout_words(ledger.rollout)}",
        f"  recorded  {shown(entry.at)}, in force {until}",
        f"  by        {deed(entry)}",
    ]
    return value, lines


def row(entry: Entry) -> dict[str, Any]:
    """Who did what, when and why, and the hash that proves it."""
    return {
        "revision": entry.revision,
        "recorded_at": entry.at.isoformat(),
        "action": entry.action,
        "actor": entry.actor,
        "reason": entry.reason,
        "hash": entry.hash,
    }


def deed(entry: Entry) -> str:
    """Who did what and why: `ana@host: promote "faster"`."""
    because = f'  "{entry.reason}"' if entry.reason else ""
    return f"{entry.actor}: {entry.action}{because}"


def shown(at: datetime) -> str:
    """A time in UTC, and in local time where that differs."""
    local = at.astimezone()
    there = (
        f" ({local:%Y-%m-%d %H:%M:%S} local time, {local.tzname()})" if local.utcoffset() else ""
    )
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC{there}"


def split_of(ledger: Ledger) -> dict[str, float]:
    """Percent of the traffic by version."""
    return {
        name: weight / 100
        for name, weight in (ledger.split.weights() if ledger.split else {}).items()
    }


def shadows_of(ledger: Ledger) -> dict[str, float]:
    """Percent of the requests that are copied, by version."""
    return {name: share / 100 for name, share in (ledger.split.shadows if ledger.split else ())}


def shown_split(ledger: Ledger) -> str:
    """`v1 95 %, v2 5 %`, and what is copied to whom."""
    parts = [f"{name} {percent:g} %" for name, percent in split_of(ledger).items()]
    parts += [f"{percent:g} % copied to {name}" for name, percent in shadows_of(ledger).items()]
    return ", ".join(parts) or "no traffic"


def rollout_of(rollout: Rollout | None) -> dict[str, Any] | None:
    """What was in progress; its step counts from 1."""
    if rollout is None:
        return None

    return {
        **rollout.outline(),
        "steps": len(rollout.steps),
        "started_by": rollout.started_by,
        "started_at": datetime.fromtimestamp(rollout.started_at, UTC).isoformat(),
    }


def rollout_words(rollout: Rollout | None) -> str:
    """`canary of v2 against v1, step 1/3, begun by ana@host`."""
    if rollout is None:
        return "none"

    step = f", step {rollout.step + 1}/{len(rollout.steps)}" if rollout.steps else ""
    paused = ", paused" if rollout.paused else ""
    who = f"{rollout.strategy} of {rollout.candidate} against {rollout.stable}"
    return f"{who}{step}{paused}, begun by {rollout.started_by}"


def _ago(text: str, now: datetime) -> datetime:
    try:
        # A bare number could be a year as well as seconds.
        if not text.strip()[-1:].isalpha():
            raise BadOption(text)
        return now - timedelta(seconds=seconds(text))
    except BadOption:
        raise BadOption(
            f"'{text}' is no time: write 2026-05-01T12:00, 2026-05-01T12:00Z, or how long ago, "
            f"such as 2h"
        ) from None


def _in_utc(at: datetime, text: str) -> datetime:
    try:
        return at.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise BadOption(
            f"'{text}' is out of the calendar's reach: give a time of this century"
        ) from None
