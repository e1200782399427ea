"""`watch`: the picture again each second; ends at its deadline or with the rollout it was started
on.
"""

import time
from collections.abc import Callable

from cli.output import reader_left
from cli.render.exit_codes import DEADLINE, DONE, ROLLED_BACK, UNDECIDED
from deployment.commands.status import Picture, picture
from deployment.workspace.workspace import Workspace

EVERY_S = 1.0


def watch(
    workspace: Workspace, show: Callable[[Picture], None], once: bool, timeout_s: float | None
) -> int:
    """Show the picture each second; returns the exit code. Without a deadline it also ends when its
    reader has gone.

    With a deadline: 0 when the rollout in progress ended well, 5 when it was taken back; where none
    is in progress, how the last one ended. When the deadline passes first: 3 for one that is held
    until a person decides, else 4."""
    began = time.monotonic()
    watched: Picture | None = None
    while True:
        latest = picture(workspace)
        show(latest)
        if once or (timeout_s is None and reader_left()):
            return DONE
        if watched is None:
            watched = latest
        if timeout_s is not None:
            ended = verdict(watched, latest) if watched["rollout"] else last_one(latest)
            if ended is not None:
                return ended
            if time.monotonic() - began > timeout_s:
                return _undecided(latest)
        time.sleep(EVERY_S if timeout_s is None else min(EVERY_S, timeout_s))


def last_one(now: Picture) -> int | None:
    """How the last rollout ended, by the newest acts: well where they tell of none, None while
    nobody can say.
    """
    if not now["record_answers"]:
        return None

    ends = [
        event["act"]
        for event in now["events"]
        if event["act"] in ("promote", "end", "rollback", "abort")
    ]
    if ends and ends[0] in ("rollback", "abort"):
        return ROLLED_BACK
    return DONE


def _undecided(now: Picture) -> int:
    """The exit code at the deadline: what is held waits for a person, all else for more time."""
    rollout = now["rollout"]
    if rollout is None:
        if now["record_answers"]:
            return DONE
        return DEADLINE
    if rollout["held"]:
        return UNDECIDED
    return DEADLINE


def until_ended(
    workspace: Workspace, show: Callable[[Picture], None], candidate: str, revision: int
) -> int:
    """Show the picture each second until the rollout that began with this revision has ended;
    returns the exit code.
    """
    began: Picture = {"rollout": {"candidate": candidate}, "revision": revision}
    while True:
        latest = picture(workspace, probe=False)
        show(latest)
        ended = verdict(began, latest)
        if ended is not None:
            return ended
        time.sleep(EVERY_S)


def verdict(began: Picture, now: Picture) -> int | None:
    """How the rollout that was in progress ended: well (0) or taken back (5); None while nobody can
    say.

    Well is with the candidate's release, and for a shadow with its proof.
    """
    rollout, present = began["rollout"], now["rollout"]
    if rollout is None or not now["record_answers"]:
        return None
    if present is not None and present["candidate"] == rollout["candidate"]:
        return None

    ended_well = any(
        event["act"] == "end" and event["revision"] > began["revision"] for event in now["events"]
    )
    if ended_well or now["released"] == rollout["candidate"]:
        return DONE
    return ROLLED_BACK
