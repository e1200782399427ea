"""`watch`: the picture again each second; ends at its deadline or with the rollout it was started on."""

import time
from collections.abc import Callable

from deployment.config import Place
from deployment.outcomes import DEADLINE, DONE, ROLLED_BACK
from deployment.status import Picture, picture

EVERY_S = 1.0


def watch(place: Place, show: Callable[[Picture], None], once: bool, timeout_s: float | None) -> int:
    """Show the picture each second; returns the exit code.

    With a deadline: 0 when no rollout is in progress or the one in progress was released, 5 when it was taken back,
    4 when the deadline passed before it ended.
    """
    began = time.monotonic()
    watched: Picture | None = None
    while True:
        latest = picture(place)
        show(latest)
        if once:
            return DONE
        if watched is None or not watched["rollout"]:
            watched = latest
        ended = verdict(watched, latest) if timeout_s is not None else None
        if ended is not None:
            return ended
        if timeout_s is not None and time.monotonic() - began > timeout_s:
            return DEADLINE if latest["rollout"] else DONE
        time.sleep(EVERY_S if timeout_s is None else min(EVERY_S, timeout_s))


def verdict(began: Picture, now: Picture) -> int | None:
    """How the rollout that was in progress ended: released (0) or taken back (5); None while nobody can say."""
    rollout, present = began["rollout"], now["rollout"]
    if rollout is None or not now["record_answers"]:
        return None
    if present is not None and present["candidate"] == rollout["candidate"]:
        return None
    return DONE if now["released"] == rollout["candidate"] else ROLLED_BACK
