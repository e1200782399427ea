"""Two versions alike, and outages that both have."""

import random

from benchmarks.adversary.outages import OUTAGES
from benchmarks.adversary.play import Ending, Stream, one_row, played
from benchmarks.adversary.rollout_plan import RolloutPlan, held_at
from benchmarks.adversary.scenarios.sticky_users import parity
from benchmarks.adversary.simulated_version import SimulatedVersion
from benchmarks.adversary.stack import Contest

RATE = 60.0
LASTS_S = 180.0
LATEST_S = 50.0
"""The first outage begins by then."""


def ending(kind: str, weight: int, seed: int) -> Ending:
    """The ending of a rollout with nothing wrong. kind: a key of OUTAGES; weight: basis points."""
    chance = random.Random(seed * 7919 + weight)
    begin = 10.0 + chance.random() * (LATEST_S - 10.0)
    versions = []
    for first in (True, False):
        versions.append(OUTAGES[kind](SimulatedVersion(parity), chance, begin, first))

    contest = Contest(RolloutPlan(held_at(weight)), *versions)
    return played(contest, Stream(RATE, LASTS_S, one_row), seed)
