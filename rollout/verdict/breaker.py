"""A plain rule for the obvious, beside all evidence: the candidate does not answer, and the
released version answers the same. Pure.

It makes no promise of alpha: its false alarms are measured (docs/verdict.md). What strikes both
versions does not trip it, since only what the other version answered counts."""

from dataclasses import replace

from rollout.plurals import counted
from rollout.state.policy import Breaker
from rollout.verdict.capacity import comparable_load
from rollout.verdict.recent_outcomes import RecentOutcomes, VersionOutcomes

BREAKER = "breaker"
SILENT = 5
"""So few are enough where it has answered none."""
TIMES_AS_OFTEN = 4
"""So many times more often than the stable version fails what the candidate answers."""


def tripped(
    recent: RecentOutcomes, breaker: Breaker | None, stable_version: str, weight: int
) -> str:
    """What the candidate does not answer, in words; empty where the breaker does not trip.

    stable_version: the name of the version that answers it. weight: basis points of the candidate;
    what has no room counts only where it has about that share of the users' requests.
    """
    if breaker is None or breaker.share >= 1:
        return ""

    candidate, stable, _ = recent.within(breaker.window_s)
    if not comparable_load(candidate, stable, weight):
        candidate = replace(candidate, shed=0)

    bad = candidate.share(candidate.not_answered)
    enough = candidate.asked >= breaker.requests or _is_silent(recent, breaker)
    if not enough or bad < breaker.share:
        return ""
    if bad < TIMES_AS_OFTEN * stable.share(stable.not_answered):
        return ""

    return (
        f"{candidate.not_answered} of {counted(candidate.asked, 'request')} in the last "
        f"{breaker.window_s:g} s were not answered ({_parts(candidate)}), and {stable_version} "
        f"answered them"
    )


def _is_silent(recent: RecentOutcomes, breaker: Breaker) -> bool:
    """Whether the candidate has answered nothing in the whole window, in both halves of which it
    was asked: who waits for it sends no more requests meanwhile.
    """
    whole, _, _ = recent.within(breaker.window_s)
    late, _, _ = recent.within(breaker.window_s / 2)
    early = whole.not_answered - late.not_answered
    return whole.ok == 0 and whole.not_answered >= SILENT and min(early, late.not_answered) > 0


def _parts(outcomes: VersionOutcomes) -> str:
    causes = {
        "failed": outcomes.failed,
        "could not be asked": outcomes.lost,
        "had no room": outcomes.shed,
    }
    return ", ".join(f"{count} {words}" for words, count in causes.items() if count)
