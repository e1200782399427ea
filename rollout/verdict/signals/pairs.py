"""Requests that both versions were asked, and of which only one was answered."""

from collections.abc import Mapping

import numpy as np

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.count_matrix import Count
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, log_mean, log_paired, weighted
from rollout.verdict.signals.numbers import SignalNumbers
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

KIND, SEGMENTS = "answers", "segments"
CANDIDATE, STABLE = "candidate", "stable"
FAILED, REFUSED = "failed", "refused"
OF_FAILURES, OF_REFUSALS, OF_SEGMENTS = 0.6, 0.15, 0.25
"""The parts of the capital: failures of all pairs, refusals, and both together in each segment."""


class PairsSignal(VerdictSignal):
    """Who bets that, asked the same, the candidate fails or refuses more often."""

    name = "pairs"

    def against(self, rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
        """On failures and on refusals, since a version that takes more rows might fail more and
        nobody would see it; and in each segment: a harm of few may be lost among the many.
        """
        return weighted(
            [
                (OF_FAILURES, log_paired(pairs_by(evidence, FAILED), rule.tolerance)),
                (OF_REFUSALS, log_paired(pairs_by(evidence, REFUSED), rule.tolerance)),
                (OF_SEGMENTS, _segments_against(rule, evidence)),
            ]
        )

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """How many each version alone did not answer."""
        pairs = seen.evidence.of(seen.evidence.candidate, KIND)
        asked = sum(pairs.values())
        if not asked:
            return SignalNumbers()

        return SignalNumbers(
            f"{_alone(pairs, CANDIDATE)} alone failed",
            f"{_alone(pairs, STABLE)} alone failed",
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

        worse, better = _alone(pairs, CANDIDATE), _alone(pairs, STABLE)
        return (
            f"pairs: of {sum(pairs.values()):,} requests that both were asked, it failed {worse} "
            f"alone{where}, and {seen.evidence.stable} {better}"
        )


def pairs_by(evidence: Evidence, word: str) -> Array:
    """Counts (..., 3) of pairs by word, failed or refused: the stable version alone did, no
    difference, the candidate alone did.
    """
    pairs = evidence.of(evidence.candidate, KIND)
    worse, better = pairs.get(f"{CANDIDATE} {word}", 0), pairs.get(f"{STABLE} {word}", 0)
    return _stacked(better, sum(pairs.values()) - better - worse, worse)


def by_segment(evidence: Evidence) -> dict[str, dict[str, Count]]:
    """Pairs by segment, then by word: both, worse, better, differs, neither."""
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


def segments_against(rule: SignalPolicy, evidence: Evidence) -> Array:
    """Log capital (..., segments) of who bets that the candidate is worse in each segment of the
    rule.
    """
    counts = by_segment(evidence)
    cells = [cell for name in rule.segments for cell in _differences(counts.get(name, {}))]
    table = _stacked(*cells)
    return log_paired(table.reshape(*table.shape[:-1], len(rule.segments), 3), rule.tolerance)


def _segments_against(rule: SignalPolicy, evidence: Evidence) -> Array:
    """Of all segments together, each with the same part.

    Which there are was fixed before the rollout: a part that depended on the segments seen would
    give capital to one that appears while the others lose theirs, and no such bet is fair."""
    if rule.segments:
        return log_mean(segments_against(rule, evidence))
    return 0.0


def _differences(counts: Mapping[str, Count]) -> tuple[Count, Count, Count]:
    alike = counts.get("both", 0) + counts.get("differs", 0) + counts.get("neither", 0)
    return counts.get("better", 0), alike, counts.get("worse", 0)


def _alone(counts: Mapping[str, Count], version: str) -> Count:
    """Pairs that this version alone failed or refused."""
    return counts.get(f"{version} {FAILED}", 0) + counts.get(f"{version} {REFUSED}", 0)


def _stacked(*counts: Count) -> Array:
    return np.stack(np.broadcast_arrays(*counts), -1).astype(float)
