"""The six strategies, a row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rollout.errors import NothingToDo
from rollout.state.split import ALL


@dataclass(frozen=True)
class Strategy:
    """How one strategy differs from the others.

    shadows: the candidate gets copies and never answers a user.
    steps: default weights of the candidate in basis points, in order; the last one is held until a
        person decides, or is all traffic.
    by_time: the steps follow the clock by themselves.
    in_place: the candidate replaces the process of the released version.
    ends: what moves it on with --auto: "proof" (a step while there is no evidence, released on
        proof), "clock" (steps by time), "watch" (all traffic at once, the old version runs until
        the proof is there), "pairs" (enough pairs of answers), or "person" (nothing but evidence
        against it).
    signals: what is looked at with --auto.
    decides: those of them that may be required.
    """

    name: str
    summary: str
    steps: tuple[int, ...]
    shadows: bool = False
    by_time: bool = False
    in_place: bool = False
    ends: str = "person"
    signals: tuple[str, ...] = ()
    decides: tuple[str, ...] = ()

    @property
    def watches(self) -> bool:
        """Whether the old version keeps running after a switch of all traffic."""
        return self.ends == "watch"


_SPLIT = (
    "errors",
    "refusals",
    "pairs",
    "outages",
    "latency",
    "wait",
    "tails",
    "prediction",
    "labels",
)
_BESIDE = ("errors", "pairs", "outages", "latency")
_COPIED = ("latency", "agreement", "labels")

_ROWS = (
    Strategy(
        "shadow",
        "copies of the traffic are sent to it, compared and thrown away",
        (),
        shadows=True,
        ends="pairs",
        signals=_COPIED,
        decides=_COPIED,
    ),
    Strategy(
        "canary",
        "a small share first, then larger ones; a person, the clock or the verdict takes each step",
        (500, 2500, 5000),
        ends="proof",
        signals=_SPLIT,
        decides=_SPLIT,
    ),
    Strategy(
        "blue-green",
        "all traffic switched in one step, the old version kept warm",
        (ALL,),
        ends="watch",
        signals=_BESIDE,
        decides=_BESIDE,
    ),
    Strategy(
        "ramp",
        "the share grows with time up to all traffic",
        tuple(range(1000, ALL + 1, 1000)),
        by_time=True,
        ends="clock",
        signals=_SPLIT,
    ),
    Strategy("ab", "fixed shares by user, held until a person decides", (5000,), signals=_SPLIT),
    Strategy(
        "release-in-place",
        "the new version replaces the process of the old one",
        (ALL,),
        in_place=True,
        ends="watch",
        signals=_BESIDE,
        decides=_BESIDE,
    ),
)

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({row.name: row for row in _ROWS})


def strategy(name: str) -> Strategy:
    """The row of that name; raises NothingToDo with the names there are."""
    if name not in STRATEGIES:
        raise NothingToDo(f"there is no strategy '{name}': choose one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
