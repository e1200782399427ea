"""Why numbers of the two versions should not be compared, or not yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.plurals import counted
from rollout.state.policy import title_of
from rollout.state.split import ALL
from rollout.verdict.words.phrases import OFF
from router.watching.sections.number_words import count, percent, share
from router.watching.sources.page_sources import PageSources, VersionNumbers

EQUAL_SHARES = 0.05
"""How far from one half the candidate's share may be, as `[verdict.response_time]` has it."""
COLD_REQUESTS = 200
UNEQUAL_BATCHES = 1.5


@dataclass(frozen=True)
class ComparabilityWarning:
    """title: what is wrong; text: what follows from it."""

    title: str
    text: str


def why_times_differ(sources: PageSources) -> str:
    """Why response times of the two versions cannot be compared; empty where they can.

    At unequal shares the same model looks faster or slower by half: its batches and its load differ
    (docs/decisions/0017)."""
    rollout = sources.ledger.rollout
    if rollout is None:
        return ""

    weight = sources.ledger.weight(rollout.candidate)
    if abs(weight / ALL - 0.5) <= EQUAL_SHARES:
        return ""
    if not weight:
        return f"{rollout.candidate} has no users, only copies"
    return (
        f"{rollout.candidate} has {share(weight)} of the requests, so its batches and its load are "
        "others; times are compared at 50 %, or on the same batch by the signal latency"
    )


def warnings(sources: PageSources) -> list[ComparabilityWarning]:
    """All that hold now."""
    if sources.ledger.rollout is None:
        return []
    return list(_warnings(sources))


def _warnings(sources: PageSources) -> Iterator[ComparabilityWarning]:
    yield from _of_report(sources)
    yield from _of_mix(sources)
    candidate, stable = sources.numbers(sources.candidate), sources.numbers(sources.stable)
    yield from _of_fallbacks(sources, candidate)
    yield from _of_start(sources, candidate)
    yield from _of_batches(sources, candidate, stable)
    if because := why_times_differ(sources):
        yield ComparabilityWarning("Response times", f"Not comparable: {because}.")


def _of_report(sources: PageSources) -> Iterator[ComparabilityWarning]:
    report = sources.report
    if report is None:
        return

    candidate, got, of = sources.candidate, report["candidate_counted"], report["counted"]
    if report["ratio"] >= report["ratio_needed"]:
        yield ComparabilityWarning(
            "Sample ratio",
            f"{candidate} got {count(got)} of {count(of)} drawn requests, which is not the share "
            "that was asked for: nothing else may be concluded until the cause is known.",
        )
    if any(signal["says"] == OFF for signal in report["signals"]):
        yield ComparabilityWarning(
            "Labels",
            "Labels came for one version more than for the other: they do not count in the "
            "verdict. Send the labels of all predictions, whoever made them.",
        )
    if report["was_away"]:
        yield ComparabilityWarning("Outage", f"{candidate} could not be asked just now.")
    if report["exhausted_users"]:
        yield ComparabilityWarning(
            "Users",
            f"All {counted(report['exhausted_users'], 'user')} have been counted, and each counts "
            "once: no new evidence comes from them.",
        )
    for name in report["doubts"]:
        yield ComparabilityWarning(
            title_of(name).capitalize(), f"{candidate} may differ in it: a release waits."
        )


def _of_mix(sources: PageSources) -> Iterator[ComparabilityWarning]:
    mix = sources.drift.mix
    if mix is not None and mix.is_broken:
        yield ComparabilityWarning(
            "Column mix",
            f"{sources.candidate} and {sources.stable} get different rows, most of all in "
            f"{mix.columns[0].name}. Who answers is drawn by chance, so the assignment is broken, "
            "or what is joined to the rows before it: nothing else may be concluded until the "
            "cause is known.",
        )


def _of_fallbacks(
    sources: PageSources, candidate: VersionNumbers
) -> Iterator[ComparabilityWarning]:
    if candidate.fallbacks:
        yield ComparabilityWarning(
            "Fallbacks",
            f"{counted(candidate.fallbacks, 'request')} of {sources.candidate} were answered by "
            "another version: their users did not meet it, and its response times lack them.",
        )


def _of_start(sources: PageSources, candidate: VersionNumbers) -> Iterator[ComparabilityWarning]:
    if candidate.requests + candidate.compared < COLD_REQUESTS:
        yield ComparabilityWarning(
            "Cold version",
            f"{sources.candidate} was asked {count(candidate.requests + candidate.compared)} times "
            f"so far. Its first answers are slower than later ones: look at its times after "
            f"{COLD_REQUESTS}.",
        )


def _of_batches(
    sources: PageSources, candidate: VersionNumbers, stable: VersionNumbers
) -> Iterator[ComparabilityWarning]:
    of_history = sources.since_rollout
    sizes = [candidate.batch_rows, stable.batch_rows]
    for position, name in enumerate((sources.candidate, sources.stable)):
        if sizes[position] is None and name in of_history:
            sizes[position] = of_history[name].batch_rows

    first, second = sizes
    if not first or not second:
        return

    if max(first, second) / min(first, second) >= UNEQUAL_BATCHES:
        yield ComparabilityWarning(
            "Batch sizes",
            f"Batches of {sources.candidate} have {first:.1f} rows on average, those of "
            f"{sources.stable} {second:.1f}: a row of a large batch waits longer and costs less.",
        )


def served_differs(sources: PageSources) -> str:
    """What the candidate gets instead of what was asked, where that is known; for the split."""
    candidate = sources.candidate
    served = sources.numbers(candidate).served if candidate else None
    if served is None:
        return ""
    return f"{percent(served)} served, {share(sources.ledger.weight(candidate))} asked"
