"""The statements on drift in sentences."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rollout.drift.statements import (
    ALARM,
    ANSWERS_CHANGED,
    INPUTS_CHANGED,
    NO_BASELINE,
    NO_REFERENCE,
    ChangeStatement,
    DriftReport,
    MixStatement,
    TrainingStatement,
)
from rollout.durations import shown_seconds
from rollout.plurals import counted

CHANGED = 1.0
"""The part of the evidence that decides, from which on a name is called changed."""


@dataclass(frozen=True)
class DriftLine:
    """about: what a sentence speaks of. is_alarm: somebody has to look."""

    about: str
    text: str
    is_alarm: bool = False


def drift_lines(report: DriftReport) -> list[DriftLine]:
    """On the rollout, and over time; what has a promise comes with it."""
    return list(_tested(report))


def training_lines(report: DriftReport) -> list[DriftLine]:
    """On each version against training, in short."""
    return [
        DriftLine(f"{statement.version} against training", _of_training(statement))
        for statement in report.training
    ]


def drift_body(report: DriftReport) -> dict[str, Any]:
    """The report as plain JSON; `says` has its sentences."""
    lines = [*training_lines(report), *drift_lines(report)]
    return {**asdict(report), "says": list(map(asdict, lines))}


def _tested(report: DriftReport) -> Iterator[DriftLine]:
    mix, change = report.mix, report.change
    if mix is not None:
        yield DriftLine("Between the versions", _of_mix(mix), mix.is_broken)
    if change is not None:
        yield DriftLine("Over time", _of_change(change), change.state == ALARM)


def _of_training(statement: TrainingStatement) -> str:
    if not statement.columns_of:
        return "no reference: deliver it again, and its bundle holds distributions."
    if not statement.rows:
        return "no row was counted yet."

    names = [*statement.answers, *statement.columns]
    moved = sorted((one for one in names if one.is_marked), key=lambda one: -one.distance)
    if not moved:
        return f"as before, in {counted(statement.rows, 'row')} of users."

    first = moved[0]
    return (
        f"{len(moved)} of {len(names)} columns and answers moved, most of all "
        f"{first.name} ({100 * first.distance:.0f} % of {counted(first.rows, 'row')}, more of "
        f"{first.more})."
    )


def _of_mix(mix: MixStatement) -> str:
    units = f"{mix.candidate:,} and {mix.stable:,} units"
    if mix.is_broken:
        first = mix.columns[0]
        return (
            f"Different rows ({units}), most of all in {first.name} ({first.bin}): the assignment "
            "is broken, or what is joined to the rows before it. Abort, and compare what the "
            "callers of both send."
        )
    if not mix.candidate or not mix.stable:
        return f"Not known yet ({units})."

    return (
        f"The same mix, as far as {units} tell: evidence {100 * mix.share:.0f} % of what decides, "
        "which a sound assignment reaches in at most 1 of 1,000 rollouts."
    )


def _of_change(change: ChangeStatement) -> str:
    promise = f"at most one false alarm in {change.days:g} days"
    match change.state:
        case state if state == NO_REFERENCE:
            return (
                f"{change.version} has no reference: its bundle was delivered before bundles held "
                "distributions. Deliver it again."
            )
        case state if state == NO_BASELINE:
            return (
                f"No baseline yet: {change.hours} of {change.hours_needed} hours with rows of "
                f"{change.version} before yesterday."
            )
        case state if state == ALARM:
            return f"{_names(change)} changed: columns, and answers or labels too ({promise})."
        case state if state == INPUTS_CHANGED:
            return f"{_names(change)} changed, but neither answers nor labels: no alarm."
        case state if state == ANSWERS_CHANGED:
            return f"{_names(change)} changed, but no column: no alarm."

    return f"As in the week before, in windows of {shown_seconds(change.window_s)} ({promise})."


def _names(change: ChangeStatement) -> str:
    changed = [name for name, share in change.names.items() if share >= CHANGED]
    return ", ".join(changed[:3]) or "The columns together"
