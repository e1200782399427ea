"""How finely the past is kept, and for how long."""

from collections.abc import Iterable
from typing import NamedTuple

from rollout.history.counts import Counts, merged


class Level(NamedTuple):
    """A length of the steps that counts are added up by, and how long these are kept (seconds)."""

    step: int
    kept: int


SECONDS = Level(1, 3_600)
MINUTES = Level(60, 24 * 3_600)
HOURS = Level(3_600, 90 * 24 * 3_600)
LEVELS = (SECONDS, MINUTES, HOURS)
ROLLED = (MINUTES, HOURS)
"""The levels that are made of seconds."""
DRIFT_KEPT_S = 10 * 24 * 3_600
"""How long hours have what is counted for drift: the week that a window is compared with."""
Sample = tuple[int, Counts]
"""What came in the second that begins at this time (epoch seconds)."""


def level_for(since: float, step: int, now: float) -> Level:
    """The coarsest level whose steps are no longer than `step` and that reaches back to `since`;
    where none does, the finest one that reaches back.

    since, now: epoch seconds."""
    reaching = [level for level in LEVELS if since >= now - level.kept] or [HOURS]
    fine_enough = [level for level in reaching if level.step <= step]
    if fine_enough:
        return fine_enough[-1]
    return reaching[0]


def step_for(level: Level, step: int) -> int:
    """The multiple of the level's steps that is at least `step`."""
    return max(1, -(-step // level.step)) * level.step


def floor(at: float, step: int) -> int:
    """The beginning of the step that a time is in; steps are counted from 1970 in UTC."""
    return int(at // step) * step


def rolled_up(samples: Iterable[Sample], step: int) -> dict[int, Counts]:
    """The samples added up by steps, by the beginning of each step (epoch seconds)."""
    parts: dict[int, list[Counts]] = {}
    for at, counts in samples:
        parts.setdefault(floor(at, step), []).append(counts)

    return {at: merged(parts[at]) for at in sorted(parts)}
