"""What one signal says, in a few words. It never says more than is known."""

import math
from dataclasses import dataclass

from rollout.plurals import counted
from rollout.state.policy import SignalPolicy
from rollout.verdict.arrivals import RecentArrivals
from rollout.verdict.verdict import Judged
from rollout.verdict.words.alarm import STRONG, alarm, in_a_sentence
from rollout.verdict.words.phrases import (
    NO_DATA,
    NOT_REACHABLE,
    NOTHING_REQUIRED,
    OFF,
    PAIRS,
    PROVED,
    WORSE,
)
from rollout.verdict.words.way import Remaining


@dataclass(frozen=True)
class Known:
    """What is known of a signal beside its capital.

    has_counts: whether anything was counted; users: all whose requests were counted, where no
    others come any more, else 0; way: what is missing for its proof."""

    has_counts: bool
    users: int
    lately: RecentArrivals
    way: Remaining | None


def says(judged: Judged, known: Known) -> str:
    """The words of a signal."""
    if judged.off:
        return OFF
    if judged.worse:
        return WORSE[judged.rule.action]
    if judged.certified:
        return _proved(judged)
    if not known.has_counts:
        return NO_DATA
    if not judged.rule.required:
        return f"{_alarm(judged)} ({NOTHING_REQUIRED})"
    if known.users:
        return exhausted(known.users, known.lately)
    if known.way is not None and known.way.half == math.inf:
        return f"{_alarm(judged)}, not proved: {NOT_REACHABLE}"
    return f"{_alarm(judged)}, not proved"


def level_of(judged: Judged, has_counts: bool) -> str | None:
    """The alarm of a signal; None where there is nothing that it could be raised by."""
    if judged.off or not (has_counts or judged.worse):
        return None

    rule: SignalPolicy = judged.rule
    return alarm(judged.against, judged.against_needed, rule.action)


def exhausted(users: int, lately: RecentArrivals) -> str:
    """Why the coin brings no more evidence, and what does."""
    words = f"units exhausted: {counted(users, 'user')} have all been counted"
    if lately.arrived.get(PAIRS, 0):
        return f"{words}; evidence comes from pairs"
    return f"{words}; no pair came lately"


def _proved(judged: Judged) -> str:
    """A proof is of the margin: a difference below it may still raise an alarm."""
    if alarm(judged.against, judged.against_needed, judged.rule.action) == STRONG:
        return f"{PROVED}, but a strong alarm"
    return PROVED


def _alarm(judged: Judged) -> str:
    return in_a_sentence(alarm(judged.against, judged.against_needed, judged.rule.action))
