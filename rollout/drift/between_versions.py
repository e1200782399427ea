"""The statement on a rollout: whether its versions get the same mix of rows."""

from collections.abc import Mapping

from rollout.drift.counted_bins import CountedBins
from rollout.drift.mix_test import NEEDED, ColumnMix, Table, column_mix
from rollout.drift.statements import ColumnMixRow, MixStatement
from rollout.drift.training_reference import TrainingReference, mix_place
from rollout.history.series import VersionCounts
from rollout.verdict.sequential import evenly_weighted


def between_versions(
    reference: TrainingReference | None,
    rollout: int,
    candidate: VersionCounts,
    stable: VersionCounts,
) -> MixStatement | None:
    """The statement; None without a reference.

    reference: of the stable version, in whose bins the rows of both are counted. rollout: its
    number.
    """
    if reference is None or not reference.columns:
        return None

    mixes = []
    for number, bins in enumerate(reference.columns):
        kind = reference.mix_kind(number, rollout)
        mixes.append(column_mix(mix_table(bins, candidate.of(kind), stable.of(kind))))

    evidence = float(evenly_weighted([mix.evidence for mix in mixes]))
    rows = list(map(_row, reference.columns, mixes))
    rows.sort(key=lambda row: (-row.share, -row.distance))
    return MixStatement(
        max(mix.candidate for mix in mixes),
        max(mix.stable for mix in mixes),
        _part(evidence),
        evidence >= NEEDED,
        tuple(rows),
    )


def mix_table(
    bins: CountedBins, candidate: Mapping[str, float], stable: Mapping[str, float]
) -> Table:
    """Rows of both versions by weight and bin."""
    table: dict[int, list[list[int]]] = {}
    for arm, counts in enumerate((candidate, stable)):
        for key, rows in counts.items():
            weight, number = mix_place(key)
            if weight not in table:
                table[weight] = [[0, 0] for _ in bins.counts]

            table[weight][number][arm] += int(rows)

    return {weight: list(map(_cell, cells)) for weight, cells in table.items()}


def _cell(counts: list[int]) -> tuple[int, int]:
    candidate, stable = counts
    return candidate, stable


def _row(bins: CountedBins, mix: ColumnMix) -> ColumnMixRow:
    return ColumnMixRow(bins.name, _part(mix.evidence), round(mix.distance, 4), bins.label(mix.bin))


def _part(evidence: float) -> float:
    return round(max(0.0, evidence / NEEDED), 4)
