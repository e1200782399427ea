"""Two versions alike, and callers who give several calls the same request id: meshes, and retries.

A bad row fails on both versions, and its caller tries it again each time."""

import random

from benchmarks.adversary import arrivals
from benchmarks.adversary.play import Ending, Stream, played
from benchmarks.adversary.rollout_plan import RolloutPlan, held_at
from benchmarks.adversary.scenarios.sticky_users import parity
from benchmarks.adversary.simulated_version import Row, SimulatedVersion
from benchmarks.adversary.stack import Contest, Stack

REQUESTS = 50_000
RATE = 250.0
CALLS = (5, 10, 20)
"""Calls with one id."""
BAD_ROW_EVERY = 200
WEIGHT = 500


def with_bad_rows(row: Row, now: float) -> bytes | int:
    """A class, or an error that belongs to the row."""
    if row % BAD_ROW_EVERY == 0:
        return 500
    return parity(row, now)


def ending(calls: int, seed: int) -> Ending:
    """The ending of a rollout with nothing wrong. calls: with one id."""
    serial = 0

    def send(stack: Stack, chance: random.Random) -> None:
        nonlocal serial
        serial += 1
        request_id = b"trace-%d-%d" % (seed, serial)
        row = arrivals.row(chance)
        for call in range(calls):
            # One trace asks about several rows; a bad one is tried again until its caller gives up.
            if int(row) % BAD_ROW_EVERY != 0 and call:
                row = arrivals.row(chance)

            stack.send(row, request_id=request_id)

    version = SimulatedVersion(with_bad_rows)
    contest = Contest(RolloutPlan(held_at(WEIGHT)), version, version)
    return played(contest, Stream(RATE / calls, REQUESTS / RATE, send), seed)
