"""All that one view of the page is made of, as it was read: of now, or of a past moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollout.drift.statements import DriftReport
from rollout.history.series import Series, VersionCounts
from rollout.state.ledger import Ledger
from rollout.state.version_state import State
from router.watching.sources.act_list import RecordedAct
from router.watching.sources.time_span import TimeSpan
from router.watching.sources.verdict_moments import VerdictMoment

Json = dict[str, Any]
COLOURS = 6
"""Versions that page.css can tell apart."""


@dataclass(frozen=True)
class VersionNumbers:
    """The counts of one version, as GET /status and `status --json` have them; None: not known.

    batch_rows: rows of a batch on average.
    """

    requests: int = 0
    errors: int = 0
    fallbacks: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    served: float | None = None
    in_flight: int | None = None
    queue_rows: int | None = None
    agree: int = 0
    differ: int = 0
    failed_copies: int = 0
    dropped: int = 0
    batch_rows: float | None = None

    @property
    def compared(self) -> int:
        """Copies whose answers were compared with the user's."""
        return self.agree + self.differ + self.failed_copies

    @property
    def agreement(self) -> float | None:
        """The part of them that agreed."""
        if not self.compared:
            return None
        return self.agree / self.compared

    @property
    def error_rate(self) -> float | None:
        """The part of its requests that failed."""
        if not self.requests:
            return None
        return self.errors / self.requests


@dataclass(frozen=True)
class PageSources:
    """at: the moment that is shown (epoch seconds). past: whether it is another one than now.

    versions: numbers by version, counted since `counted_since`. since_rollout: counts of the
    history by version, since the rollout began; without one, of the whole span. report: of the
    verdict (earlier_words.as_of_today), None where none was made. worst: rows on which shadows
    differ most. away: why the ledger does not answer; history_away: why there is no history;
    rate_per_s: of all versions lately. drift: how columns and answers are distributed.
    """

    model: str
    at: float
    past: bool
    span: TimeSpan
    ledger: Ledger
    acts: Sequence[RecordedAct] = ()
    versions: Mapping[str, VersionNumbers] = field(default_factory=dict)
    counted_since: str = ""
    failed_requests: int = 0
    since_rollout: Mapping[str, VersionCounts] = field(default_factory=dict)
    series: Series | None = None
    moments: Sequence[VerdictMoment] = ()
    report: Json | None = None
    worst: Sequence[Json] = ()
    workers: int = 0
    rate_per_s: float | None = None
    away: str = ""
    history_away: str = ""
    drift: DriftReport = field(default_factory=DriftReport)

    @property
    def candidate(self) -> str:
        """The candidate of the rollout in progress, empty without one."""
        return self.ledger.rollout.candidate if self.ledger.rollout else ""

    @property
    def stable(self) -> str:
        """What the candidate is compared with; without a rollout the released version."""
        if self.ledger.rollout:
            return self.ledger.rollout.stable
        return self.ledger.released or ""

    @property
    def names(self) -> list[str]:
        """The versions that are shown: those not retired, and those with requests; the stable one
        first, then the candidate.
        """
        first = filter(None, (self.stable, self.candidate))
        others = set()
        for name, version in self.ledger.versions.items():
            if version.state != State.RETIRED or self._has_counts(name):
                others.add(name)

        return [*dict.fromkeys([*first, *sorted(others)])]

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each version: the same in all charts, and after its release."""
        known = [*self.ledger.versions]
        if self.series is not None:
            known += self.series.versions

        for act in self.acts:
            known += act.asked

        names = dict.fromkeys(known)
        return {name: f"v{number % COLOURS}" for number, name in enumerate(names)}

    @property
    def counted_names(self) -> list[str]:
        """The versions that the series has counts of, in the order of their colours."""
        if self.series is None:
            return []
        return list(filter(self.series.versions.__contains__, self.colours))

    def numbers(self, name: str) -> VersionNumbers:
        """The numbers of a version, zeros where it has none."""
        return self.versions.get(name, VersionNumbers())

    def _has_counts(self, name: str) -> bool:
        numbers = self.numbers(name)
        return bool(numbers.requests or numbers.compared)
