"""The statements on drift as gauges of /metrics."""

from collections.abc import Iterator, Mapping

from rollout.drift.statements import DriftReport, NameDrift, TrainingStatement

Labels = tuple[str, ...]
Values = Mapping[Labels, float]


def drift_values(report: DriftReport) -> dict[str, Values]:
    """By metric and labels; what is not known has no value."""
    sampled: dict[Labels, float] = {}
    distances: dict[Labels, float] = {}
    unseen: dict[Labels, float] = {}
    for statement in report.training:
        if statement.columns_of:
            sampled[statement.version, "refused"] = statement.refused
            sampled[statement.version, "counted"] = statement.rows - statement.refused

        for labels, one in _named(statement):
            distances[labels] = one.distance
            unseen[labels] = one.unseen / one.rows

    mix, change = report.mix, report.change
    return {
        "sluice_drift_sampled_rows": sampled,
        "sluice_drift_distance_ratio": distances,
        "sluice_drift_unseen_ratio": unseen,
        "sluice_drift_mix_ratio": {(): mix.share} if mix is not None else {},
        "sluice_drift_change_ratio": {
            (name,): share for name, share in (change.names if change is not None else {}).items()
        },
        "sluice_drift_alarm": {(): float(report.is_alarm)},
    }


def _named(statement: TrainingStatement) -> Iterator[tuple[Labels, NameDrift]]:
    for kind, names in (("column", statement.columns), ("answer", statement.answers)):
        for one in names:
            yield (statement.version, kind, one.name), one
