"""Labels that come late, and for one version's answers more often than for the other's."""

from math import inf

from benchmarks.adversary.counted_rollout import counted
from benchmarks.adversary.memory_stores import MemoryLabels
from benchmarks.adversary.rollout_plan import CANDIDATE, STABLE, RolloutPlan, held_at

LOOK = 500
"""Requests between two looks."""
GAP_REQUESTS = 100_000
GAP = 0.05
GAP_LOSS = 0.02
WORSE_REQUESTS = 150_000
SERVED_BEFORE = 20_000
"""Requests of the stable version before the rollout."""
MANY_BEFORE = 2_000
"""Labels of the stable version before the rollout."""


def called_worse(weight: int, before: int, seed: int) -> bool:
    """Whether equal losses are called worse, of which the candidate's are labelled less often.

    weight: basis points; before: labels of the stable version before the rollout."""
    losses = {CANDIDATE: GAP_LOSS, STABLE: GAP_LOSS}
    labelled = {CANDIDATE: 1 - GAP, STABLE: 1.0}
    until, because = _until_rollback(weight, before, losses, labelled, GAP_REQUESTS, seed)
    return until < inf and "labels" in because


def requests_until_found(weight: int, before: int, seed: int) -> float:
    """Requests until a loss of 2 % instead of 1 % is rolled back; inf where it is not.

    weight, before: as for `called_worse`."""
    labelled = {CANDIDATE: 1.0, STABLE: 1.0}
    losses = {CANDIDATE: 0.02, STABLE: 0.01}
    return _until_rollback(weight, before, losses, labelled, WORSE_REQUESTS, seed)[0]


def _until_rollback(
    weight: int,
    before: int,
    losses: dict[str, float],
    labelled: dict[str, float],
    most: int,
    seed: int,
) -> tuple[float, str]:
    """The requests until a rollback, and its reason; inf where there is none."""
    wrong = round(before * losses[STABLE])
    labels = MemoryLabels(before - wrong, wrong)
    history = {"finished": {"ok": SERVED_BEFORE}, "waits": {"80": SERVED_BEFORE}}
    with counted(RolloutPlan(held_at(weight)), history, labels, seed) as rollout:
        while rollout.requests < most:
            rollout.count(LOOK, losses, labelled)
            if rollout.ledgers.ledger.rollout is None:
                return float(rollout.requests), rollout.ledgers.acts[-1].reason

    return inf, ""
