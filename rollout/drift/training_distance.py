"""The statement against training: a size for each column and answer, and no test."""

from collections.abc import Sequence

from rollout.drift.counted_bins import CountedBins
from rollout.drift.effect_size import drift
from rollout.drift.statements import NameDrift, TrainingStatement
from rollout.drift.training_reference import TrainingReference
from rollout.history.series import VersionCounts


def against_training(
    version: str, reference: TrainingReference | None, counts: VersionCounts
) -> TrainingStatement:
    """One version's statement, of what was counted of it."""
    if reference is None:
        return TrainingStatement(version)

    sampled = counts.of(reference.sampled_kind)
    return TrainingStatement(
        version,
        reference.columns_of,
        int(sampled.get("rows", 0)),
        int(sampled.get("refused", 0)),
        reference.left_out,
        _names(reference.columns, reference.columns_in(counts)),
        _names(reference.answers, reference.answers_in(counts)),
    )


def _names(before: Sequence[CountedBins], now: Sequence[CountedBins]) -> tuple[NameDrift, ...]:
    """Of those that were counted, the furthest ones first."""
    names = filter(None, map(_name, before, now))
    return tuple(sorted(names, key=lambda one: -one.distance))


def _name(before: CountedBins, now: CountedBins) -> NameDrift | None:
    size = drift(before, now)
    if size is None:
        return None

    gains = [new - old for old, new in zip(before.shares, now.shares, strict=True)]
    return NameDrift(
        now.name,
        now.rows,
        round(size.distance, 4),
        round(size.chance, 4),
        size.word,
        size.marked,
        now.unseen,
        now.nulls,
        round(size.nulls_before, 4),
        now.label(max(range(len(gains)), key=gains.__getitem__)),
    )
