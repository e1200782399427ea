"""Evidence as a test writes it: v2 is the candidate, v1 the stable version, and a coin gives each
its requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.strategy import strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence, merged
from rollout.verdict.verdict import Verdict, judge

Row = tuple[str, int, Mapping[str, Mapping[str, Any]]]
NOTHING = Evidence("v2", "v1", {})
CANARY = policy(VerdictConfig(), strategy("canary"))
SHADOW = policy(VerdictConfig(), strategy("shadow"))
BESIDE = policy(VerdictConfig(), strategy("blue-green"))
USUAL = Reference(loss=0.2)


def evidence(*rows: Row) -> Evidence:
    """The evidence of these tallies: version, weight of the candidate, counts."""
    return merged("v2", "v1", rows)


def finished(
    weight: int, candidate: Mapping[str, Any], stable: Mapping[str, Any]
) -> tuple[Row, Row]:
    """What became of the requests of both at this weight; as many were drawn."""
    drawn = [
        {"drawn": {"all": sum(counts.values())}, "finished": counts}
        for counts in (candidate, stable)
    ]
    return ("v2", weight, drawn[0]), ("v1", weight, drawn[1])


def kind(
    name: str, weight: int, candidate: Mapping[str, Any], stable: Mapping[str, Any]
) -> tuple[Row, Row]:
    """Counts of one kind for both at this weight."""
    return ("v2", weight, {name: candidate}), ("v1", weight, {name: stable})


def of_candidate(name: str, weight: int = 500, **counts: int) -> Row:
    """Counts of one kind of the candidate."""
    return "v2", weight, {name: {key.replace("_", " "): count for key, count in counts.items()}}


def timing(**bins: int) -> Row:
    """Batches asked of both: by how much the candidate took longer."""
    return of_candidate("timing", **bins)


def with_rules(base: Policy, **changes: Mapping[str, Any]) -> Policy:
    """The policy in which the rules of these signals are changed."""
    return replace(
        base, rules=tuple(replace(rule, **changes.get(rule.name, {})) for rule in base.rules)
    )


def signal(verdict: Verdict, name: str) -> Any:
    """What a verdict says of one signal."""
    return next(judged for judged in verdict.signals if judged.rule.name == name)


def judged(
    counted: Evidence,
    by: Policy = CANARY,
    marks: Sequence[Evidence] = (),
    normal: Reference = USUAL,
) -> Verdict:
    """The verdict on it, by the defaults."""
    return judge(counted, marks, normal, by)
