"""The statements on drift in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.drift.statements import (
    ALARM,
    ANSWERS_CHANGED,
    INPUTS_CHANGED,
    NO_BASELINE,
    NO_REFERENCE,
    ChangeStatement,
    MixStatement,
)
from rollout.durations import shown_seconds
from router.watching.sections.number_words import count
from router.watching.sources.page_sources import PageSources

CHANGED = 1.0
"""The part of the evidence that decides, from which on a name is called changed."""


@dataclass(frozen=True)
class DriftLine:
    """about: what a sentence speaks of. is_alarm: somebody has to look."""

    about: str
    text: str
    is_alarm: bool = False


def drift_lines(sources: PageSources) -> list[DriftLine]:
    """On the rollout, and over time; the statement against training is a table."""
    return list(_lines(sources))


def _lines(sources: PageSources) -> Iterator[DriftLine]:
    mix, change = sources.drift.mix, sources.drift.change
    if mix is not None:
        yield DriftLine("Between the versions", _of_mix(mix), mix.is_broken)
    if change is not None:
        yield DriftLine("Over time", _of_change(change), change.state == ALARM)


def _of_mix(mix: MixStatement) -> str:
    units = f"{count(mix.candidate)} and {count(mix.stable)} units"
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
