"""What both versions of a rollout answered within the last seconds, from totals that only grow.
Pure: the caller brings the clock and keeps the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

from rollout.verdict.evidence import Evidence

KIND = "outcomes"
KEPT_S = 60.0
RATE_S = 5.0
"""Rates are those of so many seconds."""
TOO_LONG = 2.0
"""Looks that are so many times further apart than what is asked for tell nothing of it."""
CLEAN = 0.01
"""A rate counts as shown where no larger part was not answered."""
NOT_ANSWERED = ("failed", "lost", "shed")
Totals = Mapping[str, int]


@dataclass(frozen=True)
class VersionOutcomes:
    """Requests and copies of one version within some seconds.

    failed, lost, shed: those that the other version answered; copied: the copies among all of them;
    load_answered, load_not_answered: copies of a rehearsal, which are none of them.
    """

    ok: int = 0
    failed: int = 0
    lost: int = 0
    shed: int = 0
    copied: int = 0
    load_answered: int = 0
    load_not_answered: int = 0

    @property
    def asked(self) -> int:
        """All of them."""
        return self.ok + self.not_answered

    @property
    def not_answered(self) -> int:
        """Those that only the other version answered."""
        return self.failed + self.lost + self.shed

    @property
    def of_users(self) -> int:
        """Those that were no copies."""
        return max(0, self.asked - self.copied)

    def share(self, count: int) -> float:
        """A count as a part of all that it was asked; 0 where it was asked nothing."""
        return count / max(1, self.asked)


@dataclass(frozen=True)
class _Look:
    """Totals at one time (epoch seconds)."""

    now: float
    candidate: Totals
    stable: Totals


@dataclass(frozen=True)
class RecentOutcomes:
    """The looks of the last KEPT_S at one rollout, the newest last.

    largest_rate: requests a second that the candidate has answered in RATE_S, at most. of_users:
    those of all users at each look, with the look's time.
    """

    rollout: str = ""
    looks: tuple[_Look, ...] = ()
    largest_rate: float = 0.0
    of_users: tuple[tuple[float, float], ...] = ()

    def seen(self, rollout: str, evidence: Evidence, now: float) -> "RecentOutcomes":
        """The same with one look more; looks at another rollout are forgotten."""
        look = _Look(now, evidence.of(evidence.candidate, KIND), evidence.of(evidence.stable, KIND))
        if rollout != self.rollout:
            return RecentOutcomes(rollout, (look,))

        kept = tuple(one for one in self.looks if now - KEPT_S <= one.now < now)
        looked = replace(self, looks=(*kept, look))
        of_users = tuple(rate for rate in self.of_users if rate[0] >= now - KEPT_S)
        if (rate := looked.rate_of_users()) is not None:
            of_users = (*of_users, (now, rate))

        largest = max(self.largest_rate, looked.rate_now())
        return replace(looked, largest_rate=largest, of_users=of_users)

    def needed(self) -> float | None:
        """The median rate of all users in the last KEPT_S; None where none is known yet.

        Neither a lull of some seconds nor a flood of some seconds moves it."""
        if not self.of_users:
            return None
        return median(rate for _, rate in self.of_users)

    def rate_now(self) -> float:
        """Requests a second that the candidate answers; 0 where it leaves too many unanswered."""
        candidate, _, seconds = self.within(RATE_S)
        answered = candidate.ok + candidate.load_answered
        missed = candidate.not_answered + candidate.load_not_answered
        if not seconds or missed > CLEAN * (answered + missed):
            return 0.0
        return answered / seconds

    def rate_of_users(self) -> float | None:
        """Requests a second of all users, whichever version they get; None where it is not known
        yet.
        """
        candidate, stable, seconds = self.within(RATE_S)
        if not seconds:
            return None
        return (candidate.of_users + stable.of_users) / seconds

    def within(self, seconds: float) -> tuple[VersionOutcomes, VersionOutcomes, float]:
        """What the candidate and the stable version did in about the last seconds, and how many
        seconds these were; 0 where nothing is known of so long a time.
        """
        if not self.looks:
            return VersionOutcomes(), VersionOutcomes(), 0.0

        last = self.looks[-1]
        earlier = [look for look in self.looks if look.now <= last.now - seconds]
        if not earlier:
            return VersionOutcomes(), VersionOutcomes(), 0.0

        first = earlier[-1]
        if last.now - first.now > TOO_LONG * seconds:
            return VersionOutcomes(), VersionOutcomes(), 0.0

        return (
            _between(first.candidate, last.candidate),
            _between(first.stable, last.stable),
            last.now - first.now,
        )


def _between(first: Totals, last: Totals) -> VersionOutcomes:
    # A worker's newest counts may be missing for a moment: nothing came since.
    counts = {}
    for word in ("ok", *NOT_ANSWERED, "copied", "load answered", "load not answered"):
        counts[word.replace(" ", "_")] = max(0, last.get(word, 0) - first.get(word, 0))

    return VersionOutcomes(**counts)
