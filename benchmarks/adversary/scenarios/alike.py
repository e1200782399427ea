"""Two versions alike, by what they answer: a rollout that should end with a release."""

import random

from benchmarks.adversary import arrivals
from benchmarks.adversary.play import Ending, Stream, played
from benchmarks.adversary.rollout_plan import LADDER, RolloutPlan
from benchmarks.adversary.scenarios.changed_answers import CHANGES
from benchmarks.adversary.simulated_version import Row, SimulatedVersion
from benchmarks.adversary.stack import Contest, Stack

RATE = 100.0
LASTS_S = 600.0
OWN_FAULTS = 0.002
"""Share of the requests that a version fails by chance."""
BAD_ROW_EVERY = 500
"""One row in so many fails on both."""
USERS = 2_000
KINDS = {
    "never says fraud": "a rare class",
    "25 of 50 classes": "50 classes",
    "scores collapsed": "probabilities",
    "values x1.1": "values",
}
"""Changes, of which both versions are the stable one, and what that answers."""


def ending(name: str, seed: int) -> Ending:
    """The ending of a canary by its usual steps. name: one of KINDS."""
    change = CHANGES[name]
    chance_of_faults = random.Random(seed)
    people = arrivals.Users(USERS, seed)

    def answer(row: Row, now: float) -> bytes | int:
        if row % BAD_ROW_EVERY == 0 or chance_of_faults.random() < OWN_FAULTS:
            return 500
        return change.stable(row, now)

    def send(stack: Stack, chance: random.Random) -> None:
        # Half of the requests are of users who come again.
        unit = people.one(chance) if chance.random() < 0.5 else b""
        stack.send(arrivals.row(chance), unit)

    version = SimulatedVersion(answer, change.classes)
    contest = Contest(RolloutPlan(LADDER, change.kind), version, version, change.history)
    return played(contest, Stream(RATE, LASTS_S, send), seed)
