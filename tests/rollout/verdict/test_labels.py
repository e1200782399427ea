"""Labels: which the centre makes honest, where one version gets fewer of them, and how soon they
tell. Many rollouts at once, from a seeded generator.
"""

from typing import Any

import numpy as np
import pytest

from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.verdict import LABELS_OFF, against, label_guard
from tests.rollout.evidence_factory import CANARY, Row, evidence

RUNS, LOOKS, EACH = 100, 200, 500
RULE = next(rule for rule in CANARY.rules if rule.name == "labels")
NEEDED = np.log(1 / (CANARY.alpha * RULE.weight))


def labelled(
    share: float, candidate_loss: float, stable_loss: float, missing: float = 0.0, each: int = EACH
) -> Evidence:
    """The labels of RUNS rollouts at LOOKS looks, `each` requests apart; missing: part of the
    candidate's labels that never come.
    """
    chance = np.random.default_rng(7)
    routed = chance.binomial(each, share, (RUNS, LOOKS))
    rows: list[Row] = []
    for version, of, loss in (
        ("v2", chance.binomial(routed, 1 - missing), candidate_loss),
        ("v1", each - routed, stable_loss),
    ):
        lost = chance.binomial(of, loss)
        counts = {"0": (of - lost).cumsum(1), "16": lost.cumsum(1)}
        rows.append((version, round(share * 10_000), {"labels": counts}))

    return evidence(*rows)


def said_worse(seen: Evidence, centre: float) -> Any:
    """At which looks (runs, looks) labels are worse, and not off."""
    capital = against(RULE, [seen], Reference(loss=centre))
    return (capital >= NEEDED) & (label_guard(seen) < LABELS_OFF)


@pytest.mark.parametrize("share", [0.25, 0.5])
@pytest.mark.parametrize("centre", [0.01, 0.02, 0.04])
def test_fewer_labels_of_one_version_are_no_loss_of_it(share: float, centre: float) -> None:
    seen = labelled(share, 0.02, 0.02, missing=0.05)
    assert said_worse(seen, centre).any(1).mean() <= 0.05
    assert (label_guard(seen)[:, -1] >= LABELS_OFF).mean() >= 0.95


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_of_a_centre_far_from_the_loss_the_guard_keeps_most_false_alarms(share: float) -> None:
    seen = labelled(share, 0.02, 0.02, missing=0.05)
    alone = against(RULE, [seen], Reference(loss=0.2)) >= NEEDED
    assert alone.any(1).mean() >= 0.9
    assert said_worse(seen, 0.2).any(1).mean() <= 0.15


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_one_point_of_loss_more_is_found_within_forty_thousand_labels(share: float) -> None:
    found = said_worse(labelled(share, 0.02, 0.01), 0.01)
    after = np.where(found.any(1), EACH * (1 + found.argmax(1)), np.inf)
    assert np.median(after) <= 40_000
