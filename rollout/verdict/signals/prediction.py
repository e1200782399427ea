"""Shares of the predicted classes, or of a value's ranges; and whether the two versions' answers to
the same request have to do with each other.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.count_matrix import Count
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import (
    Array,
    Tables,
    evenly_weighted,
    log_against,
    log_discordant,
    log_mean,
    log_paired,
    means,
    weighted,
)
from rollout.verdict.signals.numbers import SignalNumbers, rates
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

PREDICTION = "prediction"
CLASSES, VALUES = "classes", "values"
COMPARED, LEFT, ENTERED = "compared", "left", "entered"
RARE = 0.04
"""A rarer class has a smaller tolerance, or it could vanish within that."""
UNKNOWN_SHARE = 0.01
OF_SHARES, OF_PAIRS, OF_NEARNESS = 0.7, 0.15, 0.15
"""The parts of the capital: shares of all requests, changes in pairs, nearness."""
VALUES_TOLERANCE = 0.2
"""Of pairs: how many more values may be above than below the stable version's."""
NEARER_OTHER = 0.4
"""Where answers have nothing to do with the requests it is one half; between a logistic regression
that does not know the weather and trees that do, 0.37.
"""
ENOUGH = np.log(20)
COMPARABLE = 20
"""So many pairs in which the one answer is nearer than the other tell something."""
_BELIEFS = np.array([0.46, 0.5, 0.55, 0.65, 0.8])
HIGH_VALUES = "high values"
"""They have edges at small shares by choice, not for being rare."""
Compared = tuple[str, Tables, float]
"""What is counted, its counts by share, and its share in the reference."""


class PredictionSignal(VerdictSignal):
    """Both directions of every class, or of every range of a value."""

    name = PREDICTION
    threshold_kinds = (CLASSES, VALUES)

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """By drawn requests, and by what both versions were asked."""
        shares = _both_directions(_shares(evidence, reference), rule.tolerance)
        return weighted(
            [
                (OF_SHARES, shares),
                (OF_PAIRS, evenly_weighted(list(_changes(rule, evidence, reference)))),
                (OF_NEARNESS, _nearness(evidence.of(evidence.candidate, COMPARED))),
            ]
        )

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """The class, or the values above an edge, that differ most; else what pairs tell."""
        counted = list(filter(_has_counts, _shares(seen.evidence, seen.reference)))
        if not counted:
            return _of_pairs(seen.evidence)

        name, tables, share = max(counted, key=_difference)
        numbers = rates(tables, share, None, lambda rate: f"{name} {100 * rate:.1f} %")
        allowed = seen.rule.tolerance
        if name != HIGH_VALUES:
            allowed = tolerance_of(share, allowed)

        return replace(numbers, tolerance=allowed)

    def fault(self, seen: SignalInput) -> str:
        """What differs: a class that is never predicted, answers that fit other requests as well,
        or shares.
        """
        compared = seen.evidence.of(seen.evidence.candidate, COMPARED)
        nearer = compared.get("nearer other", 0)
        if float(_nearness(compared)) >= ENOUGH:
            total = nearer + compared.get("nearer same", 0)
            return (
                f"prediction: {nearer} of {total} answers are nearer to {seen.evidence.stable}'s "
                "answer to another request than to its answer to the same one"
            )

        never = never_predicted(seen.evidence)
        if never:
            return f"prediction: it never says {', '.join(map(repr, never))}"
        return super().fault(seen)


def lacks_relation(evidence: Evidence, beta: float) -> bool:
    """Whether enough pairs were compared, and it is not proved that the candidate's answers have
    something to do with the requests: that they are nearer to the answer to the same request more
    often than to that to another one. beta: the chance of a wrong proof.
    """
    compared = evidence.of(evidence.candidate, COMPARED)
    same, other = (_first(compared.get(f"nearer {word}", 0)) for word in ("same", "other"))
    if same + other < COMPARABLE:
        return False
    return bool(log_discordant(same, other) < -np.log(beta))


def _first(count: Count) -> float:
    """The count of the whole evidence, where it is one of several periods."""
    return float(np.ravel(count)[0])


def tolerance_of(share: float, tolerance: float) -> float:
    """The tolerance of a class: the setting, and as much less of it as the class is rarer than
    RARE.
    """
    return tolerance * min(1.0, max(share, 1e-3) / RARE)


def never_predicted(evidence: Evidence) -> list[str]:
    """Classes that the candidate never says, and that the stable version says often in pairs."""
    predicted = evidence.of(evidence.candidate, CLASSES)
    entered = evidence.of(evidence.candidate, ENTERED)
    never = []
    for name, count in evidence.of(evidence.candidate, LEFT).items():
        if count >= 10 and not predicted.get(name) and not entered.get(name):
            never.append(name)

    return sorted(never)


def _both_directions(compared: Iterator[Compared], tolerance: float) -> Array:
    """The same part of the capital on more and on fewer of each."""
    capitals = []
    for name, tables, share in compared:
        allowed = tolerance
        if name != HIGH_VALUES:
            allowed = tolerance_of(share, tolerance)

        fewer = {at: table[..., ::-1] for at, table in tables.items()}
        capitals.append(log_against(tables, share, 1.0, allowed))
        capitals.append(log_against(fewer, 1 - share, 1.0, allowed))

    return evenly_weighted(capitals)


def _shares(evidence: Evidence, reference: Reference) -> Iterator[Compared]:
    for name, share in reference.classes:
        yield f"{name!r}", evidence.tables(CLASSES, [name]), share

    for edge, share in reference.values:
        yield HIGH_VALUES, evidence.above(VALUES, edge, edge), share


def _changes(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Iterator[Array]:
    """Capitals of who bets that answers change in one direction: from or to a class, up or down."""
    compared = evidence.of(evidence.candidate, COMPARED)
    pairs = compared.get("pairs", 0)
    left = evidence.of(evidence.candidate, LEFT)
    entered = evidence.of(evidence.candidate, ENTERED)
    for name, share in reference.classes:
        allowed = tolerance_of(share, rule.tolerance)
        yield from _one_way(pairs, left.get(name, 0), entered.get(name, 0), allowed)

    # How many bets there are must not depend on what was seen: other classes are one.
    known = {name for name, _ in reference.classes}
    left_others = _others(left, known)
    entered_others = _others(entered, known)
    allowed = tolerance_of(UNKNOWN_SHARE, rule.tolerance)
    yield from _one_way(pairs, left_others, entered_others, allowed)
    if reference.classes:
        return

    up, down = compared.get("up", 0), compared.get("down", 0)
    yield from _one_way(pairs, up, down, max(rule.tolerance, VALUES_TOLERANCE))


def _others(counts: Mapping[str, Count], known: Collection[str]) -> Count:
    return sum(count for name, count in counts.items() if name not in known)


def _one_way(pairs: Count, forth: Count, back: Count, allowed: float) -> Iterator[Array]:
    """Of pairs that changed one way and the other: both directions."""
    alike = np.maximum(pairs - forth - back, 0)
    counts = np.stack(np.broadcast_arrays(back, alike, forth), -1).astype(float)
    yield log_paired(counts, allowed)
    yield log_paired(counts[..., ::-1], allowed)


def _nearness(compared: Mapping[str, Count]) -> Array:
    """Log capital of who bets that more than NEARER_OTHER of the answers are nearer to the answer
    to another request.
    """
    other = np.asarray(compared.get("nearer other", 0), float)[..., None]
    same = np.asarray(compared.get("nearer same", 0), float)[..., None]
    won, lost = np.log(_BELIEFS / NEARER_OTHER), np.log((1 - _BELIEFS) / (1 - NEARER_OTHER))
    return log_mean(other * won + same * lost)


def _of_pairs(evidence: Evidence) -> SignalNumbers:
    compared = evidence.of(evidence.candidate, COMPARED)
    pairs = compared.get("pairs", 0)
    if not pairs:
        return SignalNumbers()

    changed = sum(evidence.of(evidence.candidate, LEFT).values())
    changed += compared.get("up", 0) + compared.get("down", 0)
    return SignalNumbers(
        f"{100 * changed / pairs:.1f} % differ", "-", f"of {pairs:,} asked of both", None, " pairs"
    )


def _has_counts(compared: Compared) -> bool:
    return bool(compared[1])


def _difference(compared: Compared) -> float:
    candidate, stable = means(sum(compared[1].values()))
    return abs(float(candidate - stable))
