"""Shares of the predicted classes, or of a value's ranges."""

from collections.abc import Iterator

from rollout.state.policy import SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, Tables, evenly_weighted, log_against, means
from rollout.verdict.signals.numbers import SignalNumbers, rates
from rollout.verdict.signals.signal import SignalInput, VerdictSignal

CLASSES, VALUES = "classes", "values"
Compared = tuple[str, Tables, float]
"""What is counted, its counts by share, and its share in the reference."""


class PredictionSignal(VerdictSignal):
    """Both directions of every class, or of every decile of a value."""

    name = "prediction"
    threshold_kinds = (CLASSES, VALUES)

    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """The same part of the capital on each direction."""
        capitals = []
        for _, tables, share in _compared(evidence, reference):
            fewer = {at: table[..., ::-1] for at, table in tables.items()}
            capitals.append(log_against(tables, share, 1.0, rule.tolerance))
            capitals.append(log_against(fewer, 1 - share, 1.0, rule.tolerance))

        return evenly_weighted(capitals)

    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """The class, or the values above a decile, that differ most."""
        counted = list(filter(_has_counts, _compared(seen.evidence, seen.reference)))
        if not counted:
            return SignalNumbers()

        name, tables, share = max(counted, key=_difference)
        return rates(tables, share, None, lambda rate: f"{name} {100 * rate:.1f} %")


def _compared(evidence: Evidence, reference: Reference) -> Iterator[Compared]:
    for name, share in reference.classes:
        yield f"{name!r}", evidence.tables(CLASSES, [name]), share

    for edge, share in reference.values:
        yield "high values", evidence.above(VALUES, edge, edge), share


def _has_counts(compared: Compared) -> bool:
    return bool(compared[1])


def _difference(compared: Compared) -> float:
    candidate, stable = means(sum(compared[1].values()))
    return abs(float(candidate - stable))
