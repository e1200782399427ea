"""How much of the past the page's charts show, and in which steps."""

from dataclasses import dataclass
from itertools import chain

from rollout.history.levels import HOURS, MINUTES, SECONDS
from router.problems import Problem

MOST_STEPS = 240
ROLLOUT = "rollout"
LEAST_S = 120.0
BEFORE_S = 30.0
"""Of the time before a rollout that is shown with it."""
QUIET_S = 900.0
"""What is shown while no rollout is in progress."""
SPANS = {"15m": 900.0, "1h": 3_600.0, "24h": 86_400.0, "7d": 604_800.0, "90d": float(HOURS.kept)}
TITLES = {
    ROLLOUT: "rollout",
    "15m": "15 min",
    "1h": "1 h",
    "24h": "24 h",
    "7d": "7 d",
    "90d": "90 d",
}
# Counts of one second are those of a look a second, which comes a little sooner or later.
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600, 7_200, 14_400, 43_200)


@dataclass(frozen=True)
class TimeSpan:
    """since, until: epoch seconds. step: seconds."""

    name: str
    since: float
    until: float
    step: int


def checked(name: str) -> str:
    """The name of a span; raises Problem 400."""
    if name and name not in TITLES:
        raise Problem(400, f"there is no such span: `span` is one of {', '.join(TITLES)}")
    return name or ROLLOUT


def time_span(name: str, now: float, started_at: float | None) -> TimeSpan:
    """The span that ends now. started_at: of the rollout in progress, None without one."""
    seconds = SPANS.get(name, QUIET_S)
    if name == ROLLOUT and started_at is not None:
        # Growing by half each time: the steps stay the same for a while.
        seconds = LEAST_S
        while seconds < now - started_at + BEFORE_S:
            seconds *= 1.5

    step = _step(seconds)
    return TimeSpan(name, now - seconds, now, step)


def _step(seconds: float) -> int:
    """The shortest step that is kept for so long, and of which not too many are needed."""
    finest = next(level.step for level in (SECONDS, MINUTES, HOURS) if seconds <= level.kept)
    wide_enough = (step for step in _STEPS if step >= finest and seconds / step <= MOST_STEPS)
    return next(chain(wide_enough, (_STEPS[-1],)))
