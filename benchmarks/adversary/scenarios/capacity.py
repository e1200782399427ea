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
STABLE_ROW_S = 1 / 5_000
SMALL_ROW_S = 1 / 180
"""A version that answers 180 rows a second."""
ENOUGH = "enough"
CANDIDATES = {
    "it computes longer": SimulatedVersion(parity, batch_s=BATCH_S, row_s=SMALL_ROW_S),
    "it rests after each row": SimulatedVersion(
        parity, batch_s=BATCH_S, row_s=STABLE_ROW_S, rest_s=SMALL_ROW_S
    ),
    ENOUGH: SimulatedVersion(parity, batch_s=BATCH_S, row_s=STABLE_ROW_S),
}


def ending(name: str, seed: int) -> Ending:
    """The ending of a canary. name: a key of CANDIDATES."""
    stable = SimulatedVersion(parity, batch_s=BATCH_S, row_s=STABLE_ROW_S)
    contest = Contest(RolloutPlan(STEPS), CANDIDATES[name], stable)
    return played(contest, Stream(RATE, LASTS_S, one_row), seed)
