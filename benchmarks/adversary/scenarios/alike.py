"""Two versions alike, by what they answer: a rollout that should end with a release."""

import random

from benchmarks.adversary import arrivals
from benchmarks.adversary.play import Ending, Stream, played
from benchmarks.adversary.rollout_plan import LADDER, RolloutPlan
from benchmarks.adversary.scenarios.changed_answers import (
    CHANGES,
    FIFTY,
    Answer,
    Change,
    one_of,
    price,
)
from benchmarks.adversary.simulated_version import Row, SimulatedVersion
from benchmarks.adversary.stack import Contest, Stack

RATE = 100.0
LASTS_S = 600.0
OWN_FAULTS = 0.002
"""Share of the requests that a version fails by chance."""
BAD_ROW_EVERY = 500
"""One row in so many fails on both."""
USERS = 2_000
DIFFERS_EVERY = 10
"""A model fitted again answers one row in so many otherwise."""


def fitted_again(row: Row, now: float) -> bytes | int:
    """One of fifty classes, and for some rows that of another row."""
    if row // FIFTY % DIFFERS_EVERY == 0:
        row = row // (FIFTY * DIFFERS_EVERY)
    return one_of(FIFTY)(row, now)


def priced_again(row: Row, now: float) -> bytes:
    """Values that are up to 10 % higher or lower."""
    other = (row * 104_729 % 1000) / 1000 - 0.5
    return b"%.4f" % (float(price(row, now)) * (1 + 0.2 * other))


KINDS: dict[str, tuple[Change, Answer | None]] = {
    "a rare class": (CHANGES["never says fraud"], None),
    "50 classes": (CHANGES["25 of 50 classes"], None),
    "probabilities": (CHANGES["scores collapsed"], None),
    "values": (CHANGES["values x1.1"], None),
    "50 classes, fitted again": (CHANGES["25 of 50 classes"], fitted_again),
    "values, fitted again": (CHANGES["values x1.1"], priced_again),
}
"""The stable version is that of a change; the candidate answers the same, or as a model of the
same quality would that was fitted again.
"""


def ending(name: str, seed: int) -> Ending:
    """The ending of a canary by its usual steps. name: one of KINDS."""
    change, second = KINDS[name]
    people = arrivals.Users(USERS, seed)
    faults = random.Random(seed)

    def send(stack: Stack, chance: random.Random) -> None:
        # Half of the requests are of users who come again.
        unit = people.one(chance) if chance.random() < 0.5 else b""
        stack.send(arrivals.row(chance), unit)

    candidate = SimulatedVersion(_with_faults(second or change.stable, faults), change.classes)
    stable = SimulatedVersion(_with_faults(change.stable, faults), change.classes)
    contest = Contest(RolloutPlan(LADDER, change.kind), candidate, stable, change.history)
    return played(contest, Stream(RATE, LASTS_S, send), seed)


def _with_faults(answer: Answer, chance: random.Random) -> Answer:
    def answered(row: Row, now: float) -> bytes | int:
        if row % BAD_ROW_EVERY == 0 or chance.random() < OWN_FAULTS:
            return 500
        return answer(row, now)

    return answered
