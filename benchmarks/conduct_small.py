"""A rollout with little traffic, and what its plan says of it.

Ten requests a second stand for ten a minute: everything that waits for requests takes a sixtieth of
the time. The range of the plan is to hold the time until the release."""

import json
import time

from benchmarks.rollout_stage import RELEASED, Run, Stage
from benchmarks.sticky_users import StickyUsers

RATE = 10.0
MANY_USERS = 100_000
"""So many that each is about as good as a new one."""
PATIENCE_S = 900.0


def small_traffic(stage: Stage) -> None:
    """One canary of the same model, with the steps that its plan chooses."""
    stage.deploy("twin")
    planned = json.loads(stage.stack.run("plan", "twin", "--auto", "--rate", str(RATE), "--json"))
    expected = planned["expected"]["end"]
    low, high = expected["low_s"], expected["high_s"]
    with StickyUsers(stage.stack.url, MANY_USERS, RATE, seed=1) as users:
        began = time.monotonic()
        stage.stack.run("canary", "twin", "--auto", "--rate", str(RATE), "-m", "little traffic")
        outcome, because = stage.outcome("twin", PATIENCE_S)
        seconds = time.monotonic() - began

    within = "within" if low <= seconds <= high else "outside of"
    said = f"{within} the plan's range, {low:.0f} to {high:.0f} s; {because}"
    if outcome == RELEASED and within != "within":
        outcome = f"{outcome} outside of the plan's range"

    name = "ten requests a second, as planned"
    stage.note(Run(name, RELEASED, outcome, users.sent, round(seconds, 1), users.failed, said))
