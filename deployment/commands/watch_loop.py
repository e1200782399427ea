"""`watch`: reads the status once a second until the deadline, or until the rollout has ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cli.output import reader_left
from cli.render.exit_codes import DEADLINE, DONE, ROLLED_BACK, UNDECIDED
from deployment.commands.status import Status, read_status
from deployment.workspace.workspace import Workspace

EVERY_S = 1.0


@dataclass(frozen=True)
class WatchedRollout:
    """The rollout that is waited for. revision: the newest when the wait began."""

    candidate: str
    revision: int


def watch(
    workspace: Workspace, show: Callable[[Status], None], once: bool, timeout_s: float | None
) -> int:
    """Show the status each second; returns the exit code.

    Without a deadline it ends when the reader of its output has gone. With one: 0 when the rollout
    in progress ended well, 5 when it was rolled back; if none is in progress, how the last one
    ended. When the deadline passes first: 3 for a rollout that is on hold, else 4."""
    began = time.monotonic()
    status = read_status(workspace)
    show(status)
    if once:
        return DONE

    if timeout_s is None:
        return _until_reader_left(workspace, show)

    rollout = watched_rollout(status)
    while True:
        code = rollout_ending(rollout, status) if rollout else last_ending(status)
        if code is not None:
            return code

        if time.monotonic() - began > timeout_s:
            return _code_at_deadline(status)

        time.sleep(min(EVERY_S, timeout_s))
        status = read_status(workspace)
        show(status)


def _until_reader_left(workspace: Workspace, show: Callable[[Status], None]) -> int:
    while not reader_left():
        time.sleep(EVERY_S)
        show(read_status(workspace))

    return DONE


def watched_rollout(status: Status) -> WatchedRollout | None:
    """The rollout in progress, None without one."""
    if status.rollout is None:
        return None
    return WatchedRollout(status.rollout.candidate, status.revision)


def last_ending(status: Status) -> int | None:
    """The exit code of the last rollout, by the newest acts; None if the ledger does not answer.

    Acts that do not mention a rollout's end count as a good one."""
    if not status.record_answers:
        return None

    for event in status.events:
        if event.act in ("rollback", "abort"):
            return ROLLED_BACK
        if event.act in ("promote", "end"):
            return DONE

    return DONE


def _code_at_deadline(status: Status) -> int:
    """The exit code at the deadline: a rollout on hold waits for a person, else more time helps."""
    if status.rollout is None:
        if status.record_answers:
            return DONE
        return DEADLINE

    if status.rollout.held:
        return UNDECIDED
    return DEADLINE


def until_ended(
    workspace: Workspace, show: Callable[[Status], None], candidate: str, revision: int
) -> int:
    """Show the status each second until the rollout of this revision has ended.

    Returns the exit code."""
    rollout = WatchedRollout(candidate, revision)
    while True:
        status = read_status(workspace, probe=False)
        show(status)
        code = rollout_ending(rollout, status)
        if code is not None:
            return code

        time.sleep(EVERY_S)


def rollout_ending(rollout: WatchedRollout, status: Status) -> int | None:
    """The exit code of a rollout that ended: 0 well, 5 rolled back; None while that is not known.

    A rollout ends well with the candidate's release, a shadow with its proof.
    """
    if not status.record_answers:
        return None

    current = status.rollout
    if current is not None and current.candidate == rollout.candidate:
        return None

    for event in status.events:
        if event.act == "end" and event.revision > rollout.revision:
            return DONE

    if status.released == rollout.candidate:
        return DONE
    return ROLLED_BACK
