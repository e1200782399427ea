"""Shadows: copies of answered requests go to other versions, their answers are compared and thrown
away.

Never on a user's path: a copy is made after the answer was sent, waits in a bounded queue, and is
dropped and counted where there is no room. Two answers agree where the class is the same, or the
value differs by no more than the tolerance."""

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from rollout.settings import RouterSettings
from rollout.state.split import ALL
from rollout.verdict.evidence import COPIES_SHARE
from router.dispatch.lane import Lane
from router.dispatch.routing_table import RoutingTable
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters
from router.evidence.prediction_id import label_id, signature_of
from router.evidence.prediction_values import UNKNOWN, PredictionReader
from router.evidence.worker_metrics import WorkerMetrics, Worst
from router.shadow.shadow_buffer import ShadowBuffer
from store.shadow_answers import ShadowAnswer

_decode = msgspec.json.decode
MOST_WORST = 10
LARGEST_ROW = 16_384
# Of the bytes that requests may hold together, copies may hold a fourth beside them.
PART_OF_BYTES = 4


class Mirror:
    """Sends copies to the shadows of the present table and compares."""

    def __init__(
        self,
        settings: RouterSettings,
        counts: WorkerMetrics,
        loop: asyncio.AbstractEventLoop,
        tallies: EvidenceByWeight,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings, self.counts, self.loop, self.tallies, self.chance = (
            settings,
            counts,
            loop,
            tallies,
            chance,
        )
        self.worst: list[Worst] = []
        # Of all copies that wait or are under way.
        self._bytes = 0
        self.kept = ShadowBuffer()
        self.table: RoutingTable | None = None
        self.shadows: tuple[tuple[str, int], ...] = ()
        self._lanes: dict[str, Lane] = {}
        self._turn: dict[str, int] = {}

    def follow(self, table: RoutingTable, lanes: dict[str, Lane]) -> None:
        """Take over the shadows of a newer table."""
        if self.table is None or self.table.rolling is None or self.table.rolling != table.rolling:
            self.worst = []
        self.table = table
        self.shadows = table.split.shadows if table.split else ()
        self._lanes = lanes

    def copy(self, rows: list[msgspec.Raw], answer: Predicted, prediction_id: bytes = b"") -> None:
        """Copy one answered request to every shadow whose turn it is.

        prediction_id: where the request bets, as the first of its unit does; others are compared
        and judge nothing."""
        for version, share in self.shadows:
            # Evenly spread: the turn grows by the share, and a copy is due each time it passes all
            # traffic.
            turn = self._turn.get(version, 0) + share
            self._turn[version] = turn % ALL
            if turn >= ALL:
                addressed = self._addressed(version) if prediction_id else (version, None)
                self._send(*addressed, rows, answer, prediction_id)

    def _addressed(self, shadow: str) -> tuple[str, "JudgedShadow | None"]:
        """Who gets a copy, and where its outcome counts in the verdict.

        One copy in ten of a judged shadow asks the stable version once more, by chance: what the
        two of them differ in is the noise that the candidate's differences are compared with."""
        rolling = self.table.rolling if self.table is not None else None
        if self.table is None or rolling is None or not rolling.judged:
            return shadow, None

        tally = self.tallies.of(self.table, rolling.candidate)
        if rolling.watching:
            return shadow, JudgedShadow(tally, "stable again", rolling.number)
        if shadow != rolling.candidate:
            return shadow, JudgedShadow(tally, "shadow", rolling.number)
        if self.chance() >= COPIES_SHARE:
            return rolling.stable, JudgedShadow(tally, "control", rolling.number)

        return shadow, JudgedShadow(tally, "shadow", rolling.number, labelled=True)

    def _send(
        self,
        version: str,
        judged: "JudgedShadow | None",
        rows: list[msgspec.Raw],
        answer: Predicted,
        prediction_id: bytes,
    ) -> None:
        lane = self._lanes.get(version)
        limits = self.settings.limits
        # The largest copy may wait in any case where none does, or those of large requests would
        # never be made.
        if lane is None or (
            lane.queued_rows and lane.queued_rows + len(rows) > limits.max_shadow_queue_rows
        ):
            self._drop(version, len(rows))
            return

        size = sum(map(len, rows))
        if self._bytes + size > limits.max_bodies_bytes // PART_OF_BYTES:
            self._drop(version, len(rows))
            return

        large = len(rows) > limits.max_batch_rows
        deadline = (
            self.loop.time() + (limits.deadline_ms if large else limits.version_timeout_ms) / 1000
        )
        if (
            lane.submit(Copy(rows, deadline, self, version, answer, judged, prediction_id))
            is not None
        ):
            self._drop(version, len(rows))
        else:
            self._bytes += size

    def _drop(self, version: str, rows: int) -> None:
        self.counts.add(("shadow_dropped", version), rows)

    def compare(self, copy: "Copy", shadow: Predicted | DispatchError) -> None:
        """Compare a shadow's answer with the one its user got."""
        self._bytes -= copy.size
        version, answer, rows = copy.version, copy.answer, len(copy.rows)
        if isinstance(shadow, DispatchError):
            if shadow.reason == "deadline" and rows > self.settings.limits.max_batch_rows:
                # Its size made it late, and the user's answer had the whole time of both versions.
                self._drop(version, rows)
                return
            self.counts.add(("shadow", version, "error"), rows)
            self._judge(copy, "error", failed=True)
            return

        first = ""
        wrong = {error.row: error.status for error in shadow.errors}
        for index, (mine, theirs) in enumerate(
            zip(answer.predictions, shadow.predictions, strict=True)
        ):
            outcome = "error" if index in wrong else self._agreement(bytes(mine), bytes(theirs))
            self.counts.add(("shadow", version, outcome))
            first = first or outcome
            if outcome == "differ":
                self._remember(copy, index, bytes(mine), bytes(theirs))

        self._judge(copy, first, failed=wrong.get(0, 200) >= 500)
        if 0 not in wrong:
            self._keep(copy, shadow)

    def _judge(self, copy: "Copy", outcome: str, failed: bool) -> None:
        """The first row of a copy speaks for it in the verdict. failed: with no answer; a refusal
        (422) is one.
        """
        judged = copy.judged
        if judged is None:
            return

        if judged.role == "stable again":
            judged.tally.stable_checked(failed)
        elif judged.role == "control":
            judged.tally.control_compared(outcome)
        else:
            judged.tally.shadow_compared(outcome)

    def _keep(self, copy: "Copy", shadow: Predicted) -> None:
        """The first row's answer waits for the label of the user's."""
        if (
            copy.judged is None
            or not copy.judged.labelled
            or not copy.prediction_id
            or not self.kept.room
        ):
            return

        answers = (
            self.table.answers.get(copy.version, UNKNOWN) if self.table is not None else UNKNOWN
        )
        reader = PredictionReader(answers)
        score, name = reader.read(bytes(shadow.predictions[0]), reader.names(shadow.classes))
        identity = label_id(signature_of(copy.prediction_id), 0, len(copy.rows))
        self.kept.add(
            copy.judged.rollout,
            ShadowAnswer(identity, score if math.isfinite(score) else None, name),
        )

    def _remember(self, copy: "Copy", index: int, mine: bytes, theirs: bytes) -> None:
        """Keep the rows that differ most, with their columns; not huge ones, which all workers
        would write and read.
        """
        if len(memoryview(copy.rows[index])) > LARGEST_ROW:
            return

        gap = distance(_decode(mine), _decode(theirs))
        if gap > 0 and (len(self.worst) < MOST_WORST or gap > self.worst[-1].gap):
            row = Worst(
                copy.version, gap, bytes(copy.rows[index]).decode(), mine.decode(), theirs.decode()
            )
            # A row that many users send would otherwise be all there is to see.
            if row in self.worst:
                return
            self.worst = sorted([*self.worst, row], key=lambda each: -each.gap)[:MOST_WORST]

    def _agreement(self, mine: bytes, theirs: bytes) -> str:
        if mine == theirs:
            return "agree"

        if agree(_decode(mine), _decode(theirs), self.settings.shadow_tolerance):
            return "agree"
        return "differ"


@dataclass(frozen=True, slots=True)
class JudgedShadow:
    """Where the outcome of a copy counts in the verdict.

    role: "shadow" (compared with the user's answer), "control" (the stable version's second answer,
    compared as well), or "stable again" (whether the stable version answers, too).
    rollout: the revision it began with. labelled: a label may tell whose answer was right."""

    tally: EvidenceCounters
    role: str
    rollout: int
    labelled: bool = False


@dataclass(slots=True)
class Copy(Pending):
    """The rows of an answered request on their way to one shadow."""

    mirror: Mirror
    version: str
    answer: Predicted
    judged: JudgedShadow | None
    prediction_id: bytes

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.mirror.compare(self, outcome)


def distance(mine: Any, theirs: Any) -> float:
    """How far two predictions are apart: of values their difference, of probabilities the largest
    one, else 1.
    """
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        return float(max(abs(a - b) for a, b in zip(mine, theirs, strict=True)))
    if isinstance(mine, float) and isinstance(theirs, float) and math.isfinite(mine - theirs):
        return abs(mine - theirs)
    return 1.0


def agree(mine: Any, theirs: Any, tolerance: float) -> bool:
    """Whether two predictions of one row are the same: same class, or values no further apart than
    the tolerance.
    """
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and mine.index(max(mine)) == theirs.index(max(theirs))
    if isinstance(mine, float) or isinstance(theirs, float):
        return math.isclose(mine, theirs, rel_tol=tolerance, abs_tol=tolerance)
    return bool(mine == theirs)
