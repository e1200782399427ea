"""Pairs by segment, as `explain` shows them: for whom a candidate is worse."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rollout.state.policy import Policy, SignalPolicy
from rollout.state.segments import column_and_value
from rollout.verdict.count_matrix import Count
from rollout.verdict.evidence import Evidence
from rollout.verdict.signals.pairs import OF_SEGMENTS, by_segment, segments_against
from rollout.verdict.verdict import AT_START, NEVER_REACHED

WORDS = ("worse", "better", "differs")


def segment_rows(evidence: Evidence, policy: Policy) -> list[dict[str, Any]]:
    """A row a segment, as plain JSON, the one with the most evidence against the candidate first.

    pairs: requests of it that both versions were asked; worse: the candidate alone failed or
    refused; better: the stable version alone; differs: both answered, not the same. against: log
    capital of who bets on this segment; needed: where it alone rolls back. Segments without a pair
    count in `needed` too."""
    rows = []
    for rule in policy.rules:
        if rule.segments:
            rows += _rows(evidence, rule, policy.alpha)

    return sorted(rows, key=_worst_first)


def needed_alone(rule: SignalPolicy, alpha: float) -> float:
    """Log capital at which one of the rule's segments rolls back, whatever the others say."""
    part = alpha * rule.weight * OF_SEGMENTS * AT_START
    if part > 0:
        return math.log(len(rule.segments) / part)
    return NEVER_REACHED


def _rows(evidence: Evidence, rule: SignalPolicy, alpha: float) -> list[dict[str, Any]]:
    capitals = np.ravel(segments_against(rule, evidence)).tolist()
    counts, needed = by_segment(evidence), needed_alone(rule, alpha)
    rows = []
    for name, against in zip(rule.segments, capitals, strict=True):
        rows.append(_row(name, counts.get(name, {}), against, needed))

    return rows


def _row(name: str, counts: Mapping[str, Count], against: float, needed: float) -> dict[str, Any]:
    column, value = column_and_value(name)
    row: dict[str, Any] = {"column": column, "value": value, "pairs": int(sum(counts.values()))}
    for word in WORDS:
        row[word] = int(counts.get(word, 0))

    return {**row, "against": against, "needed": needed}


def _worst_first(row: dict[str, Any]) -> tuple[float, int, int]:
    return -row["against"], -row["worse"], -row["pairs"]
