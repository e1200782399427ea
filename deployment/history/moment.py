"""Which revision was in force at a moment, in words and as JSON."""

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
    """A moment in UTC. note: how its text was read, empty for a time with a zone."""

    at: datetime
    note: str = ""


@dataclass(frozen=True)
class InForce:
    """The entry that was in force and the one that followed it, None where it is still in force."""

    entry: Entry
    follower: Entry | None


def moment(text: str, now: datetime) -> Moment:
    """The moment of an ISO 8601 time, with or without a zone, or of a duration ago such as `2h`.

    Raises BadOption for other text and for a time to come."""
    note = ""
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is None:
            note = "no zone given: read as local time"
    except ValueError:
        at, note = _ago(text, now), f"{text.strip()} ago"

    # Python reads a time without a zone as local here.
    at = _in_utc(at, text)
    if at > now:
        raise BadOption(f"'{text}' is still to come ({shown(at)}): give a time that has passed")

    return Moment(at, note)


def in_force(entries: Sequence[Entry], at: datetime) -> InForce | None:
    """The newest of the entries that was recorded by then; None where all came later."""
    by_revision = {entry.revision: entry for entry in entries}
    past = [revision for revision, entry in by_revision.items() if entry.at <= at]
    if not past:
        return None

    newest = max(past)
    return InForce(by_revision[newest], by_revision.get(newest + 1))


def look_back(store: LedgerStore, at: datetime) -> InForce:
    """What was in force then; raises EdgeFailure before the first act, StoreError."""
    entries = store.history(limit=RECENT)
    force = in_force(entries, at)
    if force is None and len(entries) == RECENT:
        entries = store.history()
        force = in_force(entries, at)

    if force is not None:
        return force

    if not entries:
        raise EdgeFailure("nothing was ever recorded: no version was live")

    first = entries[-1]
    raise EdgeFailure(
        f"no version was live at {shown(at)}: the first act, '{first.action}' by {first.actor}, "
        f"was recorded at {shown(first.at)}"
    )


def described(asked: Moment, force: InForce) -> tuple[dict[str, Any], list[str]]:
    """What was in force, as JSON (weights in percent) and in lines; raises BrokenRecord."""
    entry, follower = force.entry, force.follower
    ledger = from_body(entry.body, entry.revision)
    value = {
        "at": asked.at.isoformat(),
        "read_as": asked.note,
        **row(entry),
        "until": follower.at.isoformat() if follower else None,
        "released": ledger.released,
        "split": split_of(ledger),
        "shadows": shadows_of(ledger),
        "rollout": rollout_of(ledger.rollout),
    }
    at = shown(asked.at)
    if asked.note:
        at = f"{at} ({asked.note})"

    lines = [
        f"revision {entry.revision} was in force at {at}",
        f"  split     {shown_split(ledger)}",
        f"  released  {ledger.released or 'nothing'}",
        f"  rollout   {rollout_words(ledger.rollout)}",
        f"  recorded  {shown(entry.at)}, in force {_until(follower)}",
        f"  by        {deed(entry)}",
    ]
    return value, lines


def _until(follower: Entry | None) -> str:
    if follower is None:
        return "since then"
    return f"until revision {follower.revision}, {shown(follower.at)}"


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
    if entry.reason:
        return f'{entry.actor}: {entry.action}  "{entry.reason}"'
    return f"{entry.actor}: {entry.action}"


def shown(at: datetime) -> str:
    """A time in UTC, and in local time where that differs."""
    text = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    local = at.astimezone()
    if not local.utcoffset():
        return text
    return f"{text} ({local:%Y-%m-%d %H:%M:%S} local time, {local.tzname()})"


def split_of(ledger: Ledger) -> dict[str, float]:
    """Percent of the traffic by version."""
    if ledger.split is None:
        return {}
    return {name: weight / 100 for name, weight in ledger.split.weights().items()}


def shadows_of(ledger: Ledger) -> dict[str, float]:
    """Percent of the requests that are copied, by version."""
    if ledger.split is None:
        return {}
    return {name: share / 100 for name, share in ledger.split.shadows}


def shown_split(ledger: Ledger) -> str:
    """`v1 95 %, v2 5 %`, and which share is copied to which version."""
    parts = []
    for name, percent in split_of(ledger).items():
        parts.append(f"{name} {percent:g} %")

    for name, percent in shadows_of(ledger).items():
        parts.append(f"{percent:g} % copied to {name}")

    return ", ".join(parts) or "no traffic"


def rollout_of(rollout: Rollout | None) -> dict[str, Any] | None:
    """A rollout as JSON, None without one; its step counts from 1."""
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

    words = f"{rollout.strategy} of {rollout.candidate} against {rollout.stable}"
    if rollout.steps:
        words += f", step {rollout.step + 1}/{len(rollout.steps)}"

    if rollout.paused:
        words += ", paused"

    return f"{words}, begun by {rollout.started_by}"


def _ago(text: str, now: datetime) -> datetime:
    try:
        # A bare number could be a year as well as seconds.
        if not text.strip()[-1:].isalpha():
            raise BadOption(text)
        return now - timedelta(seconds=seconds(text))
    except BadOption:
        raise BadOption(
            f"'{text}' is no time: write 2026-05-01T12:00, 2026-05-01T12:00Z, "
            "or how long ago, such as 2h"
        ) from None


def _in_utc(at: datetime, text: str) -> datetime:
    try:
        return at.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise BadOption(
            f"'{text}' is out of the calendar's range: give a time of this century"
        ) from None
