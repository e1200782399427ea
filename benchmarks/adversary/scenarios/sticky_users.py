"""Users who come again and again, and a candidate that fails all of them from one moment on."""

import random
from math import inf

from benchmarks.adversary import arrivals
from benchmarks.adversary.play import Stream, played
from benchmarks.adversary.rollout_plan import RolloutPlan, held_at
from benchmarks.adversary.simulated_version import Row, SimulatedVersion
from benchmarks.adversary.stack import Contest, Stack

RATE = 55.0
HEALTHY_S = 60.0
SICK_S = 300.0


def parity(row: Row, _now: float) -> bytes:
    """A class that depends on the row."""
    return b"%d" % (row % 2)


def sick(row: Row, now: float) -> bytes | int:
    """The same until it fails every row."""
    if now >= HEALTHY_S:
        return 500
    return parity(row, now)


def failures(users: int, weight: int, seed: int) -> float:
    """The candidate's failed requests until it is rolled back; inf where it is not within SICK_S.

    weight: basis points."""
    people = arrivals.Users(users, seed)

    def send(stack: Stack, chance: random.Random) -> None:
        stack.send(arrivals.row(chance), people.one(chance))

    contest = Contest(
        RolloutPlan(held_at(weight)), SimulatedVersion(sick), SimulatedVersion(parity)
    )
    ending = played(contest, Stream(RATE, HEALTHY_S + SICK_S, send), seed, until=["rollback"])
    if ending.act == "rollback":
        return float(ending.failed)
    return inf
