"""Plays a contest under a stream of requests until the controller has acted."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

from benchmarks.adversary import arrivals
from benchmarks.adversary.memory_stores import Act
from benchmarks.adversary.stack import Contest, Stack, started

SETTLE_S = 2.0
"""After the last request, so that it is answered and looked at."""
ENDS = ("rollback", "hold")
Sender = Callable[[Stack, random.Random], None]


@dataclass(frozen=True)
class Ending:
    """How a rollout ended.

    act: "rollback", "hold", "promote", or empty where it went on to the end; reason: as the
    controller wrote it. requests: sent by then; failed: of them, those that the candidate was drawn
    for and failed. at_s: seconds of the run. shown: signals that only watch and would have acted,
    and the requests sent when they were first seen."""

    act: str
    reason: str
    requests: int
    failed: int
    at_s: float
    shown: tuple[tuple[str, int], ...] = ()

    def requests_until(self, *acts: str) -> float:
        """The requests sent until one of these acts; inf where it ended otherwise."""
        if self.act in acts:
            return float(self.requests)
        return inf


@dataclass(frozen=True)
class Stream:
    """Requests as they come. rate: a second; until_s: seconds of the run; send: sends one."""

    rate: float
    until_s: float
    send: Sender


def one_row(stack: Stack, chance: random.Random) -> None:
    """Any row, of nobody who is known."""
    stack.send(arrivals.row(chance))


def played(contest: Contest, stream: Stream, seed: int, until: Collection[str] = ENDS) -> Ending:
    """The ending of one run. until: the acts that end it, besides the end of its rollout."""
    chance = random.Random(seed)
    with started(contest, seed) as stack:
        for now in arrivals.times(chance, stream.rate, stream.until_s):
            stack.loop.run_until(now)
            act = _decisive(stack, until)
            if act is not None:
                return _ending(stack, act)

            stream.send(stack, chance)

        stack.loop.run_until(stream.until_s + SETTLE_S)
        return _ending(stack, _decisive(stack, until))


def _decisive(stack: Stack, until: Collection[str]) -> Act | None:
    """The act that ends the run, if it has come."""
    if not stack.acts:
        return None
    if stack.over:
        return stack.acts[-1]

    return next((act for act in stack.acts if act.name in until), None)


def _ending(stack: Stack, act: Act | None) -> Ending:
    shown = tuple(stack.shown.items())
    if act is None:
        return Ending("", "", stack.requests, stack.failed, stack.loop.time(), shown)
    return Ending(act.name, act.reason, stack.requests, stack.failed, act.at_s, shown)
