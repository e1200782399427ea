"""Rollouts under users who come again: 200 of them, 60 requests a second together.

Such a user is drawn once, so draws soon tell nothing new. What is wrong must be found all the same,
and what is well must be released."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.candidates.breaking_pipeline import FLAG
from benchmarks.processes import send_signal, tree, until
from benchmarks.rollout_stage import BACK, RELEASED, Run, Stage
from benchmarks.sticky_users import StickyUsers

USERS, RATE = 200, 60.0
FAULT_AFTER_S = 12.0
OUTAGE_S = 3.0
STEPS = "5,25,50"
Fault = Callable[[], None]


def sticky_rollouts(stage: Stage) -> None:
    """All of them, one after another."""
    stage.deploy("twin", "heavy", "broken")
    _roll(stage, "sticky users, the same model", "twin", RELEASED)
    stage.back_to_v1()
    _roll(stage, "sticky users, 30 % slower", "heavy", BACK)
    with _flag() as breaks:
        _roll(stage, "sticky users, fails every row after a while", "broken", BACK, breaks)

    with _stopped(stage, ["twin"]) as stops:
        _roll(stage, "sticky users, stopped after a while", "twin", BACK, stops)

    with _stopped(stage, ["v1", "twin"], OUTAGE_S) as stops:
        _roll(stage, "sticky users, both stopped for a moment", "twin", RELEASED, stops)
    stage.back_to_v1()


def _roll(
    stage: Stage, name: str, candidate: str, expected: str, fault: Fault | None = None
) -> Run:
    """One canary to its outcome. fault: happens FAULT_AFTER_S after its beginning; then the seconds
    and requests count from there.
    """
    with StickyUsers(stage.stack.url, USERS, RATE, seed=len(stage.runs)) as users:
        until(lambda: users.sent > RATE, "traffic flows", 30)
        stage.stack.run(
            "canary", candidate, "--steps", STEPS, "--every", "3s", "--auto", "-m", name
        )
        began, before, timer = time.monotonic(), users.sent, None
        if fault is not None:
            timer = threading.Timer(FAULT_AFTER_S, fault)
            timer.start()

        outcome, because = stage.outcome(candidate)
        seconds, requests = time.monotonic() - began, users.sent - before
        if timer is not None:
            timer.join()
            seconds -= FAULT_AFTER_S

    for problem in users.problems[:3]:
        print(f"failed during {name}: {problem}", file=sys.stderr)

    return stage.note(
        Run(name, expected, outcome, requests, round(seconds, 1), users.failed, because)
    )


@contextmanager
def _flag() -> Iterator[Fault]:
    """A fault that breaks the breaking pipeline, mended at the end."""
    FLAG.unlink(missing_ok=True)
    try:
        yield FLAG.touch
    finally:
        FLAG.unlink(missing_ok=True)


@contextmanager
def _stopped(
    stage: Stage, versions: Iterable[str], seconds: float | None = None
) -> Iterator[Fault]:
    """A fault that stops the processes of these versions, for so long or until the end."""
    pids: list[int] = []

    def stop() -> None:
        for version in versions:
            pids.extend(tree(stage.stack.pid_of_version(version)))

        send_signal(pids, signal.SIGSTOP)
        if seconds is not None:
            threading.Timer(seconds, partial(send_signal, pids, signal.SIGCONT)).start()

    try:
        yield stop
    finally:
        send_signal(pids, signal.SIGCONT)
