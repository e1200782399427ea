"""Labels that come late, and for one version's answers more often than for the other's."""

from math import inf

from benchmarks.adversary.counted_rollout import WORST, counted
from benchmarks.adversary.rollout_plan import CANDIDATE, STABLE, RolloutPlan, held_at

LOOK = 500
"""Requests between two looks."""
GAP_REQUESTS = 100_000
GAP = 0.05
GAP_LOSS = 0.02
WORSE_REQUESTS = 150_000
BEFORE = 20_000
"""Requests of the stable version before the rollout."""
LABELS_BEFORE = 2_000


def called_worse(weight: int, seed: int) -> bool:
    """Whether equal losses are called worse, of which the candidate's are labelled less often.

    weight: basis points."""
    until, because = _until_rollback(
        weight,
        {CANDIDATE: GAP_LOSS, STABLE: GAP_LOSS},
        {CANDIDATE: 1 - GAP, STABLE: 1.0},
        GAP_REQUESTS,
        seed,
    )
    return until < inf and "labels" in because


def requests_until_found(weight: int, seed: int) -> float:
    """Requests until a loss of 2 % instead of 1 % is rolled back; inf where it is not."""
    labelled = {CANDIDATE: 1.0, STABLE: 1.0}
    losses = {CANDIDATE: 0.02, STABLE: 0.01}
    return _until_rollback(weight, losses, labelled, WORSE_REQUESTS, seed)[0]


def _until_rollback(
    weight: int, losses: dict[str, float], labelled: dict[str, float], most: int, seed: int
) -> tuple[float, str]:
    """The requests until a rollback, and its reason; inf where there is none."""
    wrong = round(LABELS_BEFORE * losses[STABLE])
    history = {
        "finished": {"ok": BEFORE},
        "waits": {"80": BEFORE},
    }
    with counted(RolloutPlan(held_at(weight)), history, seed) as rollout:
        rollout.labels.before = {0: LABELS_BEFORE - wrong, WORST: wrong}
        while rollout.requests < most:
            rollout.count(LOOK, losses, labelled)
            if rollout.ledgers.ledger.rollout is None:
                return float(rollout.requests), rollout.ledgers.acts[-1].reason

    return inf, ""
