"""Requests that both versions were asked, and of which only one was answered."""

from collections.abc import Mapping

import numpy as np

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.count_matrix import Count
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, evenly_weighted, log_paired, weighted
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

KIND, SEGMENTS = "answers", "segments"
WORSE = ("candidate failed", "candidate refused")
BETTER = ("stable failed", "stable refused")
NEITHER = ("both", "neither")
OF_ALL = 0.75
"""The part that is staked on all pairs; the rest, in equal parts, on those of each segment."""


class PairsSignal(VerdictSignal):
    """Who bets that, asked the same, the candidate fails or refuses more often."""

    name = "pairs"

    def against(self, rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
        """On all pairs, and on those of each segment: a harm of few may be lost among the many."""
        whole = log_paired(of_all(evidence), rule.tolerance)
        capitals = []
        for counts in by_segment(evidence).values():
            capitals.append(log_paired(_differences(counts), rule.tolerance))

        if not capitals:
            return weighted([(OF_ALL, whole), (1 - OF_ALL, 0.0)])
        return weighted([(OF_ALL, whole), (1 - OF_ALL, evenly_weighted(capitals))])

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """How many each version alone did not answer."""
        pairs = seen.evidence.of(seen.evidence.candidate, KIND)
        asked = sum(pairs.values())
        if not asked:
            return SignalNumbers()

        return SignalNumbers(
            f"{_total(pairs, WORSE)} alone failed",
            f"{_total(pairs, BETTER)} alone failed",
            f"of {asked:,} asked of both",
            None,
            " pairs",
        )

    def fault(self, seen: SignalInput) -> str:
        """How many requests the candidate alone failed, and in which segment most."""
        pairs = seen.evidence.of(seen.evidence.candidate, KIND)
        where = ""
        worst = worst_segment(seen.evidence)
        if worst:
            where = f", most of them {worst}"

        worse, better = _total(pairs, WORSE), _total(pairs, BETTER)
        return (
            f"pairs: of {sum(pairs.values()):,} requests that both were asked, it failed {worse} "
            f"alone{where}, and {seen.evidence.stable} {better}"
        )


def of_all(evidence: Evidence) -> Array:
    """Counts (..., 3) of pairs: the candidate alone answered, no difference, it alone did not."""
    pairs = evidence.of(evidence.candidate, KIND)
    return _stacked(_total(pairs, BETTER), _total(pairs, NEITHER), _total(pairs, WORSE))


def by_segment(evidence: Evidence) -> dict[str, dict[str, Count]]:
    """Pairs by segment, then by word: both, worse, better, differs."""
    segments: dict[str, dict[str, Count]] = {}
    for key, count in evidence.of(evidence.candidate, SEGMENTS).items():
        segment, _, word = key.rpartition("|")
        segments.setdefault(segment, {})[word] = count

    return segments


def worst_segment(evidence: Evidence) -> str:
    """The segment with the most pairs that only the candidate failed; empty where there is none."""
    segments = by_segment(evidence)
    worst = max(segments, key=lambda name: _worse(segments[name]), default="")
    if worst and _worse(segments[worst]) > 0:
        return worst
    return ""


def _worse(counts: Mapping[str, Count]) -> float:
    return float(np.ravel(counts.get("worse", 0))[0])


def _differences(counts: Mapping[str, Count]) -> Array:
    alike = counts.get("both", 0) + counts.get("differs", 0)
    return _stacked(counts.get("better", 0), alike, counts.get("worse", 0))


def _total(counts: Mapping[str, Count], words: tuple[str, ...]) -> Count:
    return sum(counts.get(word, 0) for word in words)


def _stacked(*counts: Count) -> Array:
    return np.stack(np.broadcast_arrays(*counts), -1).astype(float)
