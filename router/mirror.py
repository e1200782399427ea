"""Shadows: copies of answered requests go to other versions, their answers are compared and thrown away.

Never on a user's path: a copy is made after the answer was sent, waits in a bounded queue, and is dropped and counted
where there is no room. Two answers agree where the class is the same, or the value differs by no more than the
tolerance.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from rollout.settings import Router as Settings
from rollout.split import ALL
from router.batcher import Lane
from router.counts import Counts
from router.pending import Lost, Pending, Predicted
from router.table import Table

_decode = msgspec.json.decode


class Mirror:
    """Sends copies to the shadows of the present table and compares."""

    def __init__(self, settings: Settings, counts: Counts, loop: asyncio.AbstractEventLoop) -> None:
        self.settings, self.counts, self.loop = settings, counts, loop
        self.shadows: tuple[tuple[str, int], ...] = ()
        self._lanes: dict[str, Lane] = {}
        self._turn: dict[str, int] = {}

    def follow(self, table: Table, lanes: dict[str, Lane]) -> None:
        """Take over the shadows of a newer table."""
        self.shadows = table.split.shadows if table.split else ()
        self._lanes = lanes

    def copy(self, rows: list[msgspec.Raw], answer: Predicted) -> None:
        """Copy one answered request to every shadow whose turn it is."""
        for version, share in self.shadows:
            # Evenly spread: the turn grows by the share, and a copy is due each time it passes all traffic.
            turn = self._turn.get(version, 0) + share
            self._turn[version] = turn % ALL
            if turn >= ALL:
                self._send(version, rows, answer)

    def _send(self, version: str, rows: list[msgspec.Raw], answer: Predicted) -> None:
        lane = self._lanes.get(version)
        room = self.settings.limits.max_shadow_queue_rows
        if lane is None or lane.queued_rows + len(rows) > room:
            self._drop(version, len(rows))
            return
        deadline = self.loop.time() + self.settings.limits.version_timeout_ms / 1000
        if lane.submit(Copy(rows, deadline, self, version, answer)) is not None:
            self._drop(version, len(rows))

    def _drop(self, version: str, rows: int) -> None:
        self.counts.add(("shadow_dropped", version), rows)

    def compare(self, version: str, answer: Predicted, shadow: Predicted | Lost, rows: int) -> None:
        """Compare a shadow's answer with the one its user got."""
        if isinstance(shadow, Lost):
            self.counts.add(("shadow", version, "error"), rows)
            return
        wrong = {error.row for error in shadow.errors}
        for index, (mine, theirs) in enumerate(zip(answer.predictions, shadow.predictions, strict=True)):
            outcome = "error" if index in wrong else self._agreement(bytes(mine), bytes(theirs))
            self.counts.add(("shadow", version, outcome))

    def _agreement(self, mine: bytes, theirs: bytes) -> str:
        if mine == theirs:
            return "agree"
        return "agree" if agree(_decode(mine), _decode(theirs), self.settings.shadow_tolerance) else "differ"


@dataclass(slots=True)
class Copy(Pending):
    """The rows of an answered request on their way to one shadow."""

    mirror: Mirror
    version: str
    answer: Predicted

    def done(self, outcome: Predicted | Lost) -> None:
        """See Pending."""
        self.mirror.compare(self.version, self.answer, outcome, len(self.rows))


def agree(mine: Any, theirs: Any, tolerance: float) -> bool:
    """Whether two predictions of one row are the same: same class, or values no further apart than the tolerance."""
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and mine.index(max(mine)) == theirs.index(max(theirs))
    if isinstance(mine, float) or isinstance(theirs, float):
        return math.isclose(mine, theirs, rel_tol=tolerance, abs_tol=tolerance)
    return bool(mine == theirs)
