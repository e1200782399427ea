"""Candidates that are worse for a small part of the traffic: one segment, or the slowest."""

import random
from dataclasses import replace

from benchmarks.adversary.play import Ending, Stream, one_row, played
from benchmarks.adversary.rollout_plan import LADDER, RolloutPlan, held_at
from benchmarks.adversary.scenarios.sticky_users import parity
from benchmarks.adversary.simulated_version import BATCH_S, ROW_S, Row, SimulatedVersion
from benchmarks.adversary.stack import Contest, Stack

RATE = 100.0
REQUESTS = 100_000
CARRIERS = (b"AA", b"DL", b"UA", b"WN")
SMALL_CARRIER = b"HA"
SMALL_EVERY = 200
"""One request in so many is of the small carrier."""
SLOW_EVERY = 100
TIMES = 10.0
"""So much longer the slow ones take."""


def failing_segment(seed: int) -> Ending:
    """The ending of a canary that fails every row of one carrier."""
    return _of_segment(500, seed)


def changed_segment(seed: int) -> Ending:
    """The ending of a canary that answers the other class for every row of one carrier."""
    return _of_segment(None, seed)


def _of_segment(status: int | None, seed: int) -> Ending:
    def usual(row: Row, now: float) -> bytes:
        return parity(row["distance"], now)

    def other(row: Row, now: float) -> bytes | int:
        if row["carrier"] == SMALL_CARRIER.decode():
            return status or parity(row["distance"] + 1, now)
        return usual(row, now)

    def send(stack: Stack, chance: random.Random) -> None:
        carrier = chance.choice(CARRIERS)
        if chance.randrange(SMALL_EVERY) == 0:
            carrier = SMALL_CARRIER

        stack.send(b'{"carrier":"%b","distance":%d}' % (carrier, chance.randrange(5000)))

    contest = Contest(RolloutPlan(LADDER), SimulatedVersion(other), SimulatedVersion(usual))
    return played(contest, Stream(RATE, REQUESTS / RATE, send), seed)


def slow_tail(seed: int) -> Ending:
    """The ending of a canary at one half, one request in a hundred of which takes ten times as
    long.
    """

    def extra_s(row: Row) -> float:
        if row % SLOW_EVERY == 0:
            return (TIMES - 1) * (BATCH_S + ROW_S)
        return 0.0

    stable = SimulatedVersion(parity)
    contest = Contest(RolloutPlan(held_at(5000)), replace(stable, extra_s=extra_s), stable)
    return played(contest, Stream(RATE, REQUESTS / RATE, one_row), seed)
