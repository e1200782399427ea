"""What the operator's page, `watch`, `status` and `metrics` read of the past: one source for all.

    reader = HistoryReader(HistoryStore(engine, model), time.time)
    series = reader.series(since=now - 3600, until=now, step=10)
    series.at, series.array("v2", "p99_ms"), series.total["v2"].accuracy, series.age_s
    past = reader.moment(at)
    past.moment.asked, past.moment.report, past.counts["v2"].requests

A reader asks the database each time, and keeps what it has read and what cannot change any more, so
that the next answer is quick. For a page that asks each second: read the whole once, then only the
steps that are new (`since=` the last step it has). Threads must not share one."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rollout.history.counts import from_body
from rollout.history.levels import Sample, floor, level_for, step_for
from rollout.history.moments import KeptMoment, moment_of_body
from rollout.history.series import Series, VersionCounts, series_of

KEPT_BLOCKS = 4_000
BEFORE_S = 3_600
"""Without a rollout, a moment shows the counts of the hour before it."""


class StoredCounts(Protocol):
    """What a store read, in one look at the database.

    blocks: (key, body) of counts by second; body: list of [epoch seconds, counts], when it is
    called. A key is that of one block for ever, and a block never changes.
    rolled: (epoch seconds, body) by steps of a level; body: counts.
    as_of: when the newest counts were taken, whichever machine's; None: there are none ever."""

    @property
    def blocks(self) -> Sequence[tuple[Hashable, Callable[[], Any]]]:
        """By second."""

    @property
    def rolled(self) -> Sequence[tuple[int, Callable[[], Any]]]:
        """By steps."""

    @property
    def as_of(self) -> float | None:
        """Epoch seconds."""


class CountsInStore(Protocol):
    """What the reader needs of store/history/history_store.py."""

    def read(self, step: int, since: int, until: int) -> StoredCounts:
        """The counts from `since` to before `until`: by second, or rolled up by `step` with the
        blocks by second that are not rolled up yet."""

    def moment_at(self, at: float) -> tuple[float, int, dict[str, Any]] | None:
        """(time, revision, body) of the newest moment that is no later."""

    def moments(self, since: float, until: float) -> list[tuple[float, int, dict[str, Any]]]:
        """The same of all moments of a time, oldest first."""


@dataclass(frozen=True)
class PastMoment:
    """What could be seen at a time. at: the time asked for (epoch seconds).

    moment: what was in force and judged; `moment.at` is when it was recorded, no later than `at`.
    counts: by version, since the rollout in progress began, without one in the hour before.
    counted_until: the end of what they have: the older the time, the coarser the steps, and a step
    that `at` is in counts whole."""

    at: float
    moment: KeptMoment
    counts: dict[str, VersionCounts]
    counted_until: int


class HistoryReader:
    """Reads the history of one model. clock: epoch seconds.

    Its methods raise what the store raises: StoreUnavailable when the database cannot be used, or
    when nothing was ever written; they work again when it can."""

    def __init__(self, store: CountsInStore, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._blocks: OrderedDict[Hashable, list[Sample]] = OrderedDict()

    def series(
        self, since: float, until: float, step: int = 1, rollout: str | None = None
    ) -> Series:
        """The counts per version from `since` to `until` (epoch seconds) by steps.

        step: seconds, at least; it becomes coarser where `since` lies further back than steps of
        that length are kept (by second 1 h, by minute 24 h, by hour 90 d): `series.step` tells.
        The first and the last step are whole ones, so the last one may not have ended yet.
        rollout: only what was counted while the rollout of this id was in progress."""
        now = self._clock()
        level = level_for(since, step, now)
        step = step_for(level, step)
        begin, end = floor(since, step), floor(max(since, until - 1e-6), step) + step
        stored = self._store.read(level.step, begin, end)
        parts = self._parts(stored)
        return series_of(parts, begin, end, step, stored.as_of, now, rollout)

    def moment(self, at: float) -> PastMoment | None:
        """What could be seen at a time (epoch seconds); None where nothing was kept by then."""
        stored = self._store.moment_at(at)
        if stored is None:
            return None

        moment = moment_of_body(*stored)
        rollout, since = None, at - BEFORE_S
        if moment.rollout is not None:
            rollout, since = moment.rollout_id, float(moment.rollout["started_at"])

        series = self.series(since, at, self._finest(since), rollout)
        return PastMoment(at, moment, series.total, series.at[-1] + series.step)

    def moments(self, since: float, until: float) -> list[KeptMoment]:
        """The moments of a time, oldest first: bands, evidence and the asked split over time.

        While a rollout is judged there is one every 5 to 10 s of the last hour, one a minute of the
        last day, and one an hour of 90 days; and always the last one before the next revision."""
        return [moment_of_body(*stored) for stored in self._store.moments(since, until)]

    def _finest(self, since: float) -> int:
        """The shortest step that reaches back, in no more than some hundred steps."""
        now = self._clock()
        return level_for(since, 1, now).step

    def _parts(self, stored: StoredCounts) -> Iterator[Sample]:
        for at, body in stored.rolled:
            yield at, from_body(body())

        for key, body in stored.blocks:
            yield from self._block(key, body)

    def _block(self, key: Hashable, body: Callable[[], Any]) -> list[Sample]:
        known = self._blocks.get(key)
        if known is None:
            known = [(at, from_body(counts)) for at, counts in body()]
            self._blocks[key] = known
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)

        return known
