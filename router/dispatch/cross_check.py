"""Sends rows that one version failed to the other: a failure of both is evidence against neither.

A row that no version can predict is its sender's fault, and anybody can send any number of them. So
a failure (5xx, time-out) or a refusal (422) in a judged rollout counts only if the other version
answers the same rows. Both versions are treated alike, or the comparison would favour one. Rows
that the candidate failed go to the stable version anyway, as its fallback; rows that the stable
version failed, or that either refused, are sent here once the user has an answer. Their number is
limited. Rows beyond the limit, or without an answer in time, are evidence against neither:
otherwise somebody who knows which users get the candidate could send more bad rows than are
checked, and decide its rollout."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from rollout.settings import Limits
from rollout.state.split import ALL
from router.dispatch.lane import Lane
from router.dispatch.routing_table import ActiveRollout, RoutingTable
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceCounters

ROWS_A_SECOND = 500.0
MOST_ROWS = 1_000.0
"""Rows that may be checked at once after a pause."""
ROW_BYTES = 1024
"""Bytes that count as one row, since a large row costs as much as many small ones."""
BUSY_ROWS = 64


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A drawn request that failed or was refused.

    word: its outcome, which counts if the other version answers. seconds: from draw to answer.
    warm: whether its time counts."""

    tally: EvidenceCounters
    word: str
    seconds: float
    warm: bool

    def settle(self, other: Predicted | DispatchError) -> bool:
        """Count it by the other version's outcome.

        Returns False, and does not count it, where that was no answer of the version."""
        if isinstance(other, DispatchError) and other.reason in ("shed", "deadline"):
            return False

        self.settle_as(isinstance(other, Predicted) and not other.errors)
        return True

    def settle_as(self, answered: bool) -> None:
        """Count it. answered: whether the other version answered the same rows."""
        self.tally.request_finished(self.word if answered else "neither", self.seconds, self.warm)

    def count(self) -> None:
        """Count it as evidence, whatever the other version would answer."""
        self.tally.request_finished(self.word, self.seconds, self.warm)

    def dismiss(self) -> None:
        """Count it as no evidence: the answer of the other version is not known."""
        self.tally.request_finished("neither", self.seconds, self.warm)


class CrossCheck:
    """The checks of one worker. lanes: of the versions that are deployed now."""

    def __init__(
        self, limits: Limits, loop: asyncio.AbstractEventLoop, lanes: Mapping[str, Lane]
    ) -> None:
        self.limits, self.loop, self.lanes = limits, loop, lanes
        self._rows, self._since = MOST_ROWS, loop.time()

    def ask(
        self,
        failure: FailedRequest,
        version: str,
        rows: list[msgspec.Raw],
        table: RoutingTable,
        weight: int,
    ) -> None:
        """Count a failure of `version` on these rows once the other version has answered them.

        weight: of the candidate when the request was drawn, in basis points."""
        rows_worth = max(len(rows), sum(map(len, rows)) // ROW_BYTES)
        lane = self.lane_to_ask(failure, version, rows_worth, table, weight)
        deadline = self.loop.time() + self.limits.version_timeout_ms / 1000
        if lane is not None and lane.submit(PendingCheck(rows, deadline, failure)) is not None:
            failure.dismiss()

    def lane_to_ask(
        self, failure: FailedRequest, version: str, rows: int, table: RoutingTable, weight: int
    ) -> Lane | None:
        """The other version's lane; None where there is no check, and the failure is counted now.

        It counts as evidence where no two versions share the traffic: nothing is compared then."""
        rolling = table.rolling
        if rolling is None or not rolling.judged or not 0 < weight < ALL:
            failure.count()
            return None

        if version not in (rolling.candidate, rolling.stable):
            failure.count()
            return None

        lane = self._other(version, rolling) if self._allows(rows) else None
        if lane is None:
            failure.dismiss()

        return lane

    def _other(self, version: str, rolling: ActiveRollout) -> Lane | None:
        """The other version's lane; None where it is gone, or either of the two is busy."""
        candidate, stable = self.lanes.get(rolling.candidate), self.lanes.get(rolling.stable)
        if candidate is None or stable is None:
            return None
        if max(candidate.queued_rows, stable.queued_rows) > BUSY_ROWS:
            return None

        return stable if version == rolling.candidate else candidate

    def _allows(self, rows: int) -> bool:
        now = self.loop.time()
        self._rows = min(MOST_ROWS, self._rows + (now - self._since) * ROWS_A_SECOND)
        self._since = now
        if rows > self.limits.max_batch_rows or rows > self._rows:
            return False

        self._rows -= rows
        return True


@dataclass(slots=True)
class PendingCheck(Pending):
    """The rows of a failed request, sent to the other version."""

    failure: FailedRequest

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        if not self.failure.settle(outcome):
            self.failure.dismiss()
