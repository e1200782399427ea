"""Whether the candidate carries the requests it will get. Pure.

What has no room counts for no version by the draw: it is a matter of load. So it is looked at here:
a candidate that sheds at a load like the stable version's is held, and none is released before it
has answered requests at the rate of all users, copies included."""

from rollout.state.split import ALL
from rollout.verdict.recent_outcomes import RecentOutcomes, VersionOutcomes

CAPACITY = "capacity"
WINDOW_S = 20.0
SHED = 0.01
ENOUGH = 20
"""Requests without room that are no chance."""
TIMES_AS_OFTEN = 4
COMPARABLE = 1.5
"""A version with more than so many times its share of the requests is under another load."""
NEARLY = 0.8
"""Of the rate that is there now: rates go up and down."""


def no_room(recent: RecentOutcomes, weight: int) -> str:
    """How much the candidate sheds that the stable version takes; empty where it is little, or
    their loads cannot be compared.

    weight: basis points of the candidate."""
    candidate, stable, _ = recent.within(WINDOW_S)
    late, _, _ = recent.within(WINDOW_S / 2)
    # A backlog that both had is worked off by one of them first.
    if min(late.shed, candidate.shed - late.shed) < ENOUGH / 2:
        return ""

    shed = candidate.share(candidate.shed)
    if candidate.shed < ENOUGH or shed < SHED or shed < TIMES_AS_OFTEN * stable.share(stable.shed):
        return ""

    if not comparable_load(candidate, stable, weight):
        return ""

    return (
        f"no room for {candidate.shed:,} of {candidate.asked:,} requests in the last {WINDOW_S:g} s"
    )


def comparable_load(candidate: VersionOutcomes, stable: VersionOutcomes, weight: int) -> bool:
    """Whether the candidate has no more than about its share of the users' requests.

    weight: basis points of the candidate."""
    users = candidate.of_users + stable.of_users
    return candidate.of_users <= COMPARABLE * users * weight / ALL


def not_shown(recent: RecentOutcomes) -> str:
    """The largest rate that the candidate has shown, where that is less than all users needed in
    the last minute; that this is not known yet, or that it answers nothing just now. Else empty.
    """
    needed = recent.needed()
    if needed is None:
        return "its rate is not known yet"
    if recent.largest_rate < NEARLY * needed:
        return f"it has shown {recent.largest_rate:.3g} requests/s of {needed:.3g}"
    if needed and not recent.rate_now():
        return "it answers too little just now"
    return ""
