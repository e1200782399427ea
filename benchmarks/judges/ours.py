"""Our own judge on simulated rollouts: the code of rollout/ itself, on counts that are arrays of
(runs, looks).

A whole rollout is evaluated at once, with its restarts; `at` takes one look out of it, as the
conductor would see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rollout.state.policy import Policy, SignalPolicy, VerdictConfig, policy
from rollout.state.strategy import strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence, Tally
from rollout.verdict.sequential import weighted
from rollout.verdict.verdict import RESTARTS, against

CANDIDATE, STABLE = "v2", "v1"
CANARY = policy(VerdictConfig(), strategy("canary"))
STRICT = replace(
    CANARY, rules=tuple(replace(rule, tolerance=0.0, share_tolerance=0.5) for rule in CANARY.rules)
)
"""Any difference at all counts against the candidate, at any weight."""
_FIVE = ("errors", "latency", "wait", "prediction", "labels")
FIVE = replace(
    CANARY, rules=tuple(SignalPolicy(name, "rollback", 0.2, False, 0.0, 0.0) for name in _FIVE)
)
"""Five signals that share alpha alike, without tolerance, at any weight."""


@dataclass(frozen=True)
class Came:
    """Counts of one kind that came between two looks: (runs, looks, 2, names), the candidate first.

    late: by how many looks they were counted later than routed.
    """

    names: Sequence[str]
    counts: np.ndarray
    late: int = 0


def evidence(came: Mapping[str, Sequence[Came]], weights: np.ndarray) -> Evidence:
    """The evidence at every look, by kind of counts. weights: basis points of the candidate at each
    look (looks,).
    """
    tallies: dict[tuple[str, int], Tally] = {}
    for weight in np.unique(weights):
        for index, version in enumerate((CANDIDATE, STABLE)):
            tallies[version, int(weight)] = {
                k: _tally(parts, weights == weight, index) for k, parts in came.items()
            }

    return Evidence(CANDIDATE, STABLE, tallies)


def _tally(parts: Sequence[Came], then: np.ndarray, index: int) -> dict[str, np.ndarray]:
    total = sum(_later(part.counts[:, :, index] * then[:, None], part.late) for part in parts)
    counted = np.ascontiguousarray(np.moveaxis(np.cumsum(total, axis=1), -1, 0))
    return {
        name: counts for name, counts in zip(parts[0].names, counted, strict=True) if counts.any()
    }


def _later(counts: np.ndarray, late: int) -> np.ndarray:
    return np.concatenate(
        [np.zeros_like(counts[:, :late]), counts[:, : counts.shape[1] - late]], axis=1
    )


def periods(seen: Evidence) -> list[Evidence]:
    """The whole evidence, then what came since each restart, at every look. Before a restart that
    is nothing.
    """
    return [
        seen,
        *(
            seen.since(_at_looks(seen, np.where(r.any(-1), r.argmax(-1), -1)))
            for r in _reached(seen)
        ),
    ]


def _reached(seen: Evidence) -> list[np.ndarray]:
    """By restart, the looks (runs, looks) at which it was behind."""
    served = np.asarray(seen.requests(CANDIDATE))
    return [reached for count in RESTARTS if (reached := served >= count).any()]


def _at_looks(seen: Evidence, looks: np.ndarray) -> Evidence:
    """The evidence at one look a run (runs,), kept as (runs, 1); -1 is the last one, after which
    nothing comes.
    """
    index = looks[:, None]
    return _of_leaves(seen, lambda counts: np.take_along_axis(counts, index % counts.shape[-1], -1))


def at(seen: Evidence, run: int, look: int) -> tuple[Evidence, list[Evidence]]:
    """One look of one run in whole numbers, with the marks of its restarts."""
    looks = [int(reached[run].argmax()) for reached in _reached(seen) if reached[run, look]]
    return _whole(seen, run, look), [_whole(seen, run, earlier) for earlier in looks]


def _whole(seen: Evidence, run: int, look: int) -> Evidence:
    return _of_leaves(seen, lambda counts: int(counts[run, look]))


def _of_leaves(seen: Evidence, change: Callable[[np.ndarray], Any]) -> Evidence:
    tallies = {
        key: {
            kind: {name: change(counts) for name, counts in names.items()}
            for kind, names in tally.items()
        }
        for key, tally in seen.tallies.items()
    }
    return Evidence(seen.candidate, seen.stable, tallies)


def capitals(
    judged: Policy, parts: Sequence[Evidence], reference: Reference
) -> dict[str, np.ndarray]:
    """Log capitals (runs, looks) against the candidate, by signal."""
    shape = np.shape(parts[0].requests(CANDIDATE))
    return {
        rule.name: np.broadcast_to(against(rule, parts, reference), shape) for rule in judged.rules
    }


def together(judged: Policy, logs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Log of what decides on a rollback, as rollout.verdict.verdict.together takes it of one
    look.
    """
    staked = [(rule.weight, logs[rule.name]) for rule in judged.rules if rule.action == "rollback"]
    return np.asarray(weighted([*staked, (max(0.0, 1 - sum(weight for weight, _ in staked)), 0.0)]))


def alone(judged: Policy, name: str) -> tuple[SignalPolicy, float]:
    """The rule of a signal, and the log capital at which it decides by itself."""
    rule = next(rule for rule in judged.rules if rule.name == name)
    return rule, float(np.log(1 / (judged.alpha * rule.weight)))


def first(reached: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What had come (looks,) at the first look of each run (runs, looks) that reached it; inf where
    none did.
    """
    return np.where(reached.any(-1), after[reached.argmax(-1)], np.inf)
