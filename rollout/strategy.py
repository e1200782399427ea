"""The six strategies, a row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rollout.refusal import NothingToDo
from rollout.split import ALL


@dataclass(frozen=True)
class Strategy:
    """What sets one way of releasing apart from the others.

    shadows: the candidate gets copies and never answers a user.
    steps: default weights of the candidate in basis points, in order; the last is held until a person
        decides, or is all traffic.
    by_time: the steps follow the clock without being asked.
    in_place: the candidate replaces the process of the released version.
    """

    name: str
    summary: str
    steps: tuple[int, ...]
    shadows: bool = False
    by_time: bool = False
    in_place: bool = False


_ROWS = (
    Strategy("shadow", "copies of the traffic are sent to it, compared and thrown away", (), shadows=True),
    Strategy(
        "canary",
        "a small share first, then larger ones; a person or the clock takes each step",
        (500, 2500, 5000),
    ),
    Strategy("blue-green", "all traffic switched in one step, the old version kept warm", (ALL,)),
    Strategy("ramp", "the share grows with time up to all traffic", tuple(range(1000, ALL + 1, 1000)), by_time=True),
    Strategy("ab", "fixed shares by user, held until a person decides", (5000,)),
    Strategy("release-in-place", "the new version replaces the process of the old one", (ALL,), in_place=True),
)

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({row.name: row for row in _ROWS})


def strategy(name: str) -> Strategy:
    """The row of that name; raises NothingToDo with the names there are."""
    if name not in STRATEGIES:
        raise NothingToDo(f"there is no strategy '{name}': choose one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
