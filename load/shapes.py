"""The shapes of load: how the rate goes over time, as phases in which it changes evenly. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

SHAPES = ("constant", "ramp", "spike", "soak", "find-limit")
SPIKE = 3.0
"""How many times the rate before it a spike has."""


@dataclass(frozen=True)
class Phase:
    """So long a time (seconds) in which the rate goes evenly from `begin` to `end`: requests a
    second, or users of a closed loop.
    """

    seconds: float
    begin: float
    end: float

    @property
    def most(self) -> float:
        """The larger of both."""
        return max(self.begin, self.end)

    @property
    def count(self) -> float:
        """How many requests fall due in it."""
        return self.seconds * (self.begin + self.end) / 2

    def time_of(self, number: float) -> float:
        """When that many requests have fallen due since its begin (seconds); at most `count`."""
        slope = (self.end - self.begin) / self.seconds
        if abs(slope) < 1e-12:
            return number / self.begin

        root = sqrt(max(0.0, self.begin * self.begin + 2 * slope * number))
        return (root - self.begin) / slope


def phases_of(shape: str, level: float, seconds: float) -> list[Phase]:
    """The phases of a shape. level: the rate, or the number of users, that it is about.

    constant and soak hold it; ramp rises to it from a twentieth; spike has it in the middle fifth
    of the time, and a third of it before and after. Raises ValueError for other shapes."""
    if shape in ("constant", "soak"):
        return [Phase(seconds, level, level)]
    if shape == "ramp":
        return [Phase(seconds, level / 20, level)]
    if shape == "spike":
        fifth, calm, top = seconds / 5, level / SPIKE, level
        return [Phase(2 * fifth, calm, calm), Phase(fifth, top, top), Phase(2 * fifth, calm, calm)]

    raise ValueError(f"no shape of one run: {shape}")


def level_at(phases: Sequence[Phase], at: float) -> float:
    """The rate or number of users at a time; that of the end afterwards."""
    for phase in phases:
        if at < phase.seconds:
            return phase.begin + (phase.end - phase.begin) * at / phase.seconds

        at -= phase.seconds

    return phases[-1].end
