"""Outages with a cause that both versions share, as a failing database or a full host."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.adversary.simulated_version import SimulatedVersion

MINUTE_S = 60.0
OUTAGE_S = 10.0
RESTART_S = 2.0
FLAKES = 0.001
"""Share of the batches that fail at any time."""

Version = SimulatedVersion
Outage = Callable[[Version, random.Random, float, bool], Version]
"""(a version, chance, seconds of the run at which the first outage begins, whether it is the
candidate) -> the version with outages.
"""


def refused_batches(share: float) -> Outage:
    """In 10 s of each minute so many batches are answered with 503."""

    def with_it(version: Version, chance: random.Random, begin: float, _first: bool) -> Version:
        def refuses(now: float) -> bool:
            if _in_outage(now, begin):
                return chance.random() < share
            return chance.random() < FLAKES

        return replace(version, refuses=refuses)

    return with_it


def failing_rows(share: float) -> Outage:
    """In 10 s of each minute so many rows fail."""

    def with_it(version: Version, chance: random.Random, begin: float, _first: bool) -> Version:
        answer = version.answer

        def failing(row: object, now: float) -> bytes | int:
            if _in_outage(now, begin) and chance.random() < share:
                return 500
            return answer(row, now)

        return replace(version, answer=failing)

    return with_it


def stalls(version: Version, _chance: random.Random, begin: float, _first: bool) -> Version:
    """For 10 s of each minute no batch is answered, as if a lock were held."""

    def stall_s(now: float) -> float:
        if _in_outage(now, begin):
            return OUTAGE_S - (now - begin) % MINUTE_S
        return 0.0

    return replace(version, stall_s=stall_s)


@dataclass(frozen=True)
class Restart:
    """Each version restarts once, the candidate 40 s after the stable one or before it.

    by_status: it answers 503 meanwhile; else its connections are refused."""

    by_status: bool

    def __call__(
        self, version: Version, _chance: random.Random, begin: float, first: bool
    ) -> Version:
        """The version that restarts."""
        at = begin + 40.0 * (first == (begin % 2 < 1))

        def restarts(now: float) -> bool:
            return at <= now < at + RESTART_S

        if self.by_status:
            return replace(version, refuses=restarts)
        return replace(version, down=restarts)


OUTAGES: dict[str, Outage] = {
    "batches refused, 0.3": refused_batches(0.3),
    "batches refused, 0.1": refused_batches(0.1),
    "all refused": refused_batches(1.0),
    "restarts, connections refused": Restart(by_status=False),
    "restarts, status 503": Restart(by_status=True),
    "rows fail, 0.3": failing_rows(0.3),
    "rows fail, 0.9": failing_rows(0.9),
    "stalls": stalls,
}


def _in_outage(now: float, begin: float) -> bool:
    return now >= begin and (now - begin) % MINUTE_S < OUTAGE_S
