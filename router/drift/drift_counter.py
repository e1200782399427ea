"""Has the sample counted by the versions themselves, which know their columns and bins.

Each second the rows of a version, and those of a rollout's candidate also by its stable version, so
that both are in the same bins, whatever the candidate makes of them. What came back is added to the
worker's counts, seldom, since the history keeps a line for each time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import time

from rollout.drift.training_reference import (
    ANSWER,
    COLUMN,
    TrainingReference,
    mix_key,
)
from rollout.history.worker_counts import DRIFT
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.version_pages import VersionPages
from router.drift.counted_sample import (
    Uncounted,
    answered,
    counted_groups,
    trained_reference,
)
from router.drift.drift_sample import SampledRow
from router.drift.sample_group import SampleGroup
from router.evidence.worker_metrics import Key
from wire.distributions import GroupCounts

log = logging.getLogger("sluice.drift")
EVERY_S = 1.0
LONGEST_WAIT_S = 0.5
"""For versions that answer late: so long the others' next sample waits."""
PAGE = "/distributions"
AGAIN_S = 30.0
"""When a version that did not tell its distributions is asked again."""
ADD_EVERY_S = 300.0
"""When counts are added: all workers in the same second, since the history has a line for each."""
GROWTH = 0.1
"""Earlier, they are added when they are so much more: the first ones soon."""
MOST_WEIGHTS = 20
"""Weights of a rollout at which first rows are counted apart, the others not at all."""


@dataclass(frozen=True)
class _Known:
    """What a version told.

    reference: None where it told none. at: when it was asked (epoch seconds).
    """

    address: str
    reference: TrainingReference | None
    at: float


class DriftCounter:
    """Counts for one worker. Belongs to one event loop. clock: epoch seconds."""

    def __init__(
        self, traffic: Dispatcher, pages: VersionPages, clock: Callable[[], float] = time
    ) -> None:
        self._traffic, self._pages, self._clock = traffic, pages, clock
        self._known: dict[str, _Known] = {}
        self._counts: dict[Key, int] = {}
        self._rows = self._added_rows = 0
        self._added_at = 0.0
        self._weights: set[tuple[int, int]] = set()
        self._silent: set[str] = set()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._rollout = ""

    @property
    def references(self) -> Mapping[str, TrainingReference | None]:
        """By version, of those that were asked; None of one that has none."""
        return {version: known.reference for version, known in self._known.items()}

    async def run(self) -> None:
        """Count each second until it is cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                try:
                    await self.count()
                except Exception:
                    log.exception("the sample of this second was not counted")
        finally:
            for asking in self._asking.values():
                asking.cancel()

    async def count(self) -> None:
        """Have what was sampled since the last time counted; what fails is left out, and so is what
        a version would count that still counts an earlier one."""
        addresses = self._traffic.table.addresses
        self._known = {name: self._known[name] for name in addresses if name in self._known}
        self._silent &= addresses.keys()
        self._asking = {name: task for name, task in self._asking.items() if not task.done()}
        groups = self._grouped(*self._traffic.drift.drain())
        for version in addresses.keys() - self._asking.keys():
            if version in groups or self._is_to_ask(version, addresses[version]):
                work = self._ask(version, addresses[version], groups.get(version, []))
                self._asking[version] = asyncio.create_task(work)

        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=LONGEST_WAIT_S)

        self._add_when_due()

    def add(self) -> None:
        """Add what was counted to the counts of the worker."""
        counted, self._counts = self._counts, {}
        for key, number in counted.items():
            self._traffic.counts.add(key, number)

        self._added_at, self._added_rows = self._clock(), self._rows

    def _add_when_due(self) -> None:
        rollout = self._traffic.table.rollout_id
        if rollout != self._rollout:
            # Its first counts come soon, whatever was counted before it.
            self._rollout, self._rows, self._added_rows = rollout, 0, 0

        new = self._rows - self._added_rows
        is_time = self._clock() // ADD_EVERY_S != self._added_at // ADD_EVERY_S
        if self._counts and (is_time or new >= GROWTH * self._added_rows):
            self.add()

    async def _ask(self, version: str, address: str, groups: list[SampleGroup]) -> None:
        """Ask a version for its distributions, if it is new or moved, and to count groups."""
        try:
            if self._is_to_ask(version, address):
                known = await self._asked(version, address)
                # Another thread may read what there was.
                self._known = {**self._known, version: known}

            # Meanwhile it may have gone.
            own = self._known.get(version)
            if own is not None and own.reference is not None and groups:
                await self._count_groups(version, own.reference, groups)
        except Exception:
            log.exception("the sample of this second was not counted by %s", version)

    def _is_to_ask(self, version: str, address: str) -> bool:
        known = self._known.get(version)
        if known is None or known.address != address:
            return True

        return known.reference is None and not 0 <= self._clock() - known.at < AGAIN_S

    async def _asked(self, version: str, address: str) -> _Known:
        outcome, reference = await self._pages.get(version, PAGE), None
        try:
            reference = trained_reference(answered(outcome))
        except Uncounted as error:
            known = self._known.get(version)
            if known is None or known.address != address:
                self._tell(version, error)

        return _Known(address, reference, self._clock())

    def _grouped(
        self, rows: Sequence[SampledRow], answers: Sequence[tuple[str, bytes]]
    ) -> dict[str, list[SampleGroup]]:
        """The groups by the version that counts them, of versions that are there."""
        groups: dict[tuple[str, str, bool, int, int], SampleGroup] = {}
        for row in rows:
            for key in self._counting(row):
                groups.setdefault(key, SampleGroup(*key[1:])).add(row.raw)

        for version, answer in answers:
            key = (version, version, True, 0, 0)
            groups.setdefault(key, SampleGroup(*key[1:])).answers.append(answer)

        by_version: dict[str, list[SampleGroup]] = {}
        for (version, *_), group in groups.items():
            if version in self._traffic.table.addresses:
                by_version.setdefault(version, []).append(group)

        return by_version

    def _counting(self, row: SampledRow) -> Iterator[tuple[str, str, bool, int, int]]:
        """Which versions count a row, and as what."""
        rolling = self._traffic.table.rolling
        is_first = rolling is not None and rolling.number == row.rollout and self._has_room(row)
        if rolling is None or not is_first:
            yield row.version, row.version, True, 0, 0
        elif row.version == rolling.stable:
            yield row.version, row.version, True, row.rollout, row.weight
        else:
            yield row.version, row.version, True, 0, 0
            yield rolling.stable, row.version, False, row.rollout, row.weight

    def _has_room(self, row: SampledRow) -> bool:
        """Whether first rows of this weight are counted apart."""
        self._weights = {known for known in self._weights if known[0] == row.rollout}
        if len(self._weights) < MOST_WEIGHTS:
            self._weights.add((row.rollout, row.weight))

        return (row.rollout, row.weight) in self._weights

    async def _count_groups(
        self, version: str, reference: TrainingReference, groups: list[SampleGroup]
    ) -> None:
        body = b'{"groups":[%b]}' % b",".join(group.body for group in groups)
        outcome = await self._pages.post(version, f"{PAGE}/count", body)
        try:
            counted = counted_groups(answered(outcome), reference, len(groups))
        except Uncounted as error:
            self._note_failure(version, error)
            return

        self._silent.discard(version)
        for group, counts in zip(groups, counted, strict=True):
            self._note(version, reference, group, counts)

    def _note(
        self, version: str, reference: TrainingReference, group: SampleGroup, counts: GroupCounts
    ) -> None:
        if group.is_own:
            self._rows += counts.rows
            self._increment((DRIFT, version, reference.sampled_kind, "rows"), counts.rows)
            self._increment((DRIFT, version, reference.sampled_kind, "refused"), counts.refused)
            for word, lists in ((COLUMN, counts.columns), (ANSWER, counts.answers)):
                for number, bins in enumerate(lists):
                    self._note_bins((DRIFT, version, reference.kind(word, number)), bins)

        if group.rollout:
            for number, bins in enumerate(counts.columns):
                kind = reference.mix_kind(number, group.rollout)
                for bin_number, rows in enumerate(bins):
                    key = (DRIFT, group.drawn, kind, mix_key(group.weight, bin_number))
                    self._increment(key, rows)

    def _note_bins(self, key: Key, bins: Sequence[int]) -> None:
        for number, rows in enumerate(bins):
            self._increment((*key, str(number)), rows)

    def _increment(self, key: Key, rows: int) -> None:
        if rows:
            self._counts[key] = self._counts.get(key, 0) + rows

    def _note_failure(self, version: str, error: Uncounted) -> None:
        # Once a version, and not each second until it counts again.
        if version not in self._silent:
            self._tell(version, error)

        self._silent.add(version)

    def _tell(self, version: str, error: Uncounted) -> None:
        level = logging.WARNING if error.is_fault else logging.INFO
        log.log(level, "the rows of %s are not counted for drift: %s", version, error)
