"""When requests fall due: at the times of a shape, evenly spaced or by chance (Poisson). Pure."""

from collections.abc import Iterator, Sequence
from random import Random

from load.shapes import Phase


def arrivals(phases: Sequence[Phase], chance: Random | None = None) -> Iterator[float]:
    """The intended starts in order, in seconds since the run began.

    chance: of a Poisson process; None spaces the requests evenly."""
    begin, counted, due = 0.0, 0.0, 0.0
    for phase in phases:
        end = counted + phase.count
        while due < end - 1e-9:
            yield begin + phase.time_of(due - counted)
            due += 1.0 if chance is None else chance.expovariate(1.0)

        begin, counted = begin + phase.seconds, end
