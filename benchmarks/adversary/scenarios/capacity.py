"""A candidate that is good for fewer requests a second than the stable version gets."""

from benchmarks.adversary.play import Ending, Stream, one_row, played
from benchmarks.adversary.rollout_plan import RolloutPlan
from benchmarks.adversary.scenarios.sticky_users import parity
from benchmarks.adversary.simulated_version import SimulatedVersion
from benchmarks.adversary.stack import Contest
from rollout.state.ledger import Step

RATE = 400.0
STEPS = (Step(500, 20.0), Step(2500, 20.0), Step(5000, 40.0))
LASTS_S = 240.0
BATCH_S = 0.002
LARGE = 5_000.0
SMALL = 180.0
"""Rows a second."""


def ending(rows_per_s: float, seed: int) -> Ending:
    """The ending of a canary whose candidate answers so many rows a second."""
    candidate = SimulatedVersion(parity, batch_s=BATCH_S, row_s=1 / rows_per_s)
    stable = SimulatedVersion(parity, batch_s=BATCH_S, row_s=1 / LARGE)
    return played(
        Contest(RolloutPlan(STEPS), candidate, stable), Stream(RATE, LASTS_S, one_row), seed
    )
