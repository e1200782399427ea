"""Shows whether a candidate carries all requests, before it gets them.

In the last step before a release, for some seconds now and then, it gets a copy of each request
that the stable version has answered. The copies' answers are thrown away; counted is whether there
were any. No user waits for one."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from rollout.settings import Limits
from rollout.state.split import ALL
from router.dispatch.lane import Lane
from router.dispatch.routing_table import RoutingTable
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters

LASTS_S = 8.0
EVERY_S = 60.0


class LoadRehearsal:
    """The rehearsals of one worker. lanes: of the versions that are deployed now."""

    def __init__(
        self,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        lanes: Mapping[str, Lane],
        tallies: EvidenceByWeight,
        clock: Callable[[], float],
    ) -> None:
        self.limits, self.loop, self.lanes = limits, loop, lanes
        self.tallies, self.clock = tallies, clock
        self._table: RoutingTable | None = None

    def follow(self, table: RoutingTable) -> None:
        """Use a newer routing table."""
        rolling = table.rolling
        rehearses = (
            rolling is not None and rolling.rehearses_since is not None and 0 < rolling.weight < ALL
        )
        self._table = table if rehearses else None

    def is_on(self) -> bool:
        """Whether copies are sent now."""
        if self._table is None or self._table.rolling is None:
            return False

        since = self._table.rolling.rehearses_since
        return since is not None and (self.clock() - since) % EVERY_S < LASTS_S

    def copy(self, rows: list[msgspec.Raw], version: str) -> None:
        """Copy a request that `version` has answered, if it is the stable one."""
        if self._table is None or self._table.rolling is None or not self.is_on():
            return

        rolling = self._table.rolling
        lane = self.lanes.get(rolling.candidate)
        if version != rolling.stable or lane is None:
            return

        # A request of more rows than a batch, or beside a long queue, shows nothing.
        room = self.limits.max_shadow_queue_rows - lane.queued_rows
        if len(rows) > min(room, self.limits.max_batch_rows):
            return

        counters = self.tallies.of(self._table, rolling.candidate)
        deadline = self.loop.time() + self.limits.version_timeout_ms / 1000
        refused = lane.submit(LoadCopy(rows, deadline, counters))
        if refused is not None:
            counters.outcome("load not answered")


@dataclass(slots=True)
class LoadCopy(Pending):
    """The rows of an answered request, sent to the candidate as well."""

    counters: EvidenceCounters

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        if isinstance(outcome, Predicted):
            self.counters.outcome("load answered")
        else:
            self.counters.outcome("load not answered")
