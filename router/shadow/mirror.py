"""Mirrors answered requests to shadow versions, compares the answers, and discards them.

No user waits for it: a copy is made after the answer was sent, waits in a bounded queue, and is
dropped and counted where that is full. Two predictions agree if their classes are the same, or
their values differ by no more than the tolerance."""

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from rollout.settings import RouterSettings
from rollout.state.classes import Answers
from rollout.state.split import ALL
from rollout.verdict.evidence import COPIES_SHARE
from router.dispatch.lane import Lane
from router.dispatch.routing_table import RoutingTable
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters
from router.evidence.prediction_values import UNKNOWN
from router.evidence.worker_metrics import WorkerMetrics, Worst
from router.shadow.shadow_buffer import ShadowBuffer

_decode = msgspec.json.decode
MOST_WORST = 10
LARGEST_ROW = 16_384
# Copies may hold a fourth of the bytes that requests may hold, in addition to these.
PART_OF_BYTES = 4


class Mirror:
    """Sends copies to the shadows of the routing table and compares their answers."""

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
        # Of all copies that are queued or in flight.
        self._bytes = 0
        self.kept = ShadowBuffer()
        self.table: RoutingTable | None = None
        self.shadows: tuple[tuple[str, int], ...] = ()
        self._lanes: dict[str, Lane] = {}
        self._turn: dict[str, int] = {}

    def follow(self, table: RoutingTable, lanes: dict[str, Lane]) -> None:
        """Use the shadows of a newer routing table."""
        if self.table is None or self.table.rolling is None or self.table.rolling != table.rolling:
            self.worst = []

        self.table = table
        self.shadows = _without_side_effects(table)
        self._lanes = lanes

    def copy(self, rows: list[msgspec.Raw], answer: Predicted, prediction_id: bytes = b"") -> None:
        """Copy an answered request to the shadows, by their shares.

        prediction_id: of a request that counts in the verdict; others are only compared."""
        for version, share in self.shadows:
            # Evenly spread: the share is added up, and a copy is due each time the sum reaches ALL.
            turn = self._turn.get(version, 0) + share
            self._turn[version] = turn % ALL
            if turn >= ALL:
                addressed = self._addressed(version) if prediction_id else (version, None)
                self._send(*addressed, rows, answer, prediction_id)

    def _addressed(self, shadow: str) -> tuple[str, "JudgedShadow | None"]:
        """The version that gets a copy, and where its outcome counts in the verdict.

        One copy in ten of a judged shadow goes to the stable version again, chosen at random: how
        often its two answers differ is the noise that the candidate is compared with."""
        rolling = self.table.rolling if self.table is not None else None
        # The old version of a watched switch is only kept warm: pairs compare the two.
        if self.table is None or rolling is None or not rolling.judged or rolling.watching:
            return shadow, None

        tally = self.tallies.of(self.table, rolling.candidate)
        if shadow != rolling.candidate:
            return shadow, JudgedShadow(tally, "shadow", rolling.number)
        if rolling.pairs and self.chance() >= COPIES_SHARE:
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
        # An empty queue takes a copy of any size, or large requests would never be copied.
        if lane is None or (
            lane.queued_rows and lane.queued_rows + len(rows) > limits.max_shadow_queue_rows
        ):
            self._drop(version, len(rows))
            return

        size = sum(map(len, rows))
        if self._bytes + size > limits.max_bodies_bytes // PART_OF_BYTES:
            self._drop(version, len(rows))
            return

        timeout_ms = limits.version_timeout_ms
        if len(rows) > limits.max_batch_rows:
            timeout_ms = limits.deadline_ms

        deadline = self.loop.time() + timeout_ms / 1000
        copy = Copy(rows, deadline, self, version, answer, judged, prediction_id)
        if lane.submit(copy) is None:
            self._bytes += size
        else:
            self._drop(version, len(rows))

    def _drop(self, version: str, rows: int) -> None:
        self.counts.add(("shadow_dropped", version), rows)

    def compare(self, copy: "Copy", shadow: Predicted | DispatchError) -> None:
        """Compare a shadow's answer with the user's."""
        self._bytes -= copy.size
        version, answer, rows = copy.version, copy.answer, len(copy.rows)
        if isinstance(shadow, DispatchError):
            if shadow.reason == "deadline" and rows > self.settings.limits.max_batch_rows:
                # Its size made it late, and the user's answer had the time of both versions.
                self._drop(version, rows)
                return

            self.counts.add(("shadow", version, "error"), rows)
            self._judge(copy, "error")
            return

        first_outcome = ""
        wrong = {error.row: error.status for error in shadow.errors}
        for index, (user_prediction, shadow_prediction) in enumerate(
            zip(answer.predictions, shadow.predictions, strict=True)
        ):
            outcome = (
                "error"
                if index in wrong
                else self._agreement(version, bytes(user_prediction), bytes(shadow_prediction))
            )
            self.counts.add(("shadow", version, outcome))
            first_outcome = first_outcome or outcome
            if outcome == "differ":
                self._remember(copy, index, bytes(user_prediction), bytes(shadow_prediction))

        self._judge(copy, first_outcome)
        self._keep(copy, shadow)

    def _judge(self, copy: "Copy", outcome: str) -> None:
        """Count the outcome of a copy's first row."""
        judged = copy.judged
        if judged is None:
            return

        if judged.role == "control":
            judged.tally.control_compared(outcome)
        else:
            judged.tally.shadow_compared(outcome)

    def _keep(self, copy: "Copy", shadow: Predicted) -> None:
        """Keep the shadow's answer to the first row, until its label comes."""
        judged = copy.judged
        if judged is None or not judged.labelled or not copy.prediction_id:
            return

        rows, answers = len(copy.rows), self._answers(copy.version)
        self.kept.keep_other_answer(judged.rollout, copy.prediction_id, rows, shadow, answers)

    def _remember(
        self, copy: "Copy", index: int, user_prediction: bytes, shadow_prediction: bytes
    ) -> None:
        """Keep the rows that differ most; no huge ones, since all workers read and write them."""
        if len(memoryview(copy.rows[index])) > LARGEST_ROW:
            return

        gap = distance(_decode(user_prediction), _decode(shadow_prediction))
        if gap > 0 and (len(self.worst) < MOST_WORST or gap > self.worst[-1].gap):
            row = Worst(
                copy.version,
                gap,
                bytes(copy.rows[index]).decode(),
                user_prediction.decode(),
                shadow_prediction.decode(),
            )
            # Otherwise a row that many users send would fill the list.
            if row in self.worst:
                return

            self.worst = sorted([*self.worst, row], key=lambda worst: -worst.gap)[:MOST_WORST]

    def _agreement(self, version: str, user_prediction: bytes, shadow_prediction: bytes) -> str:
        if user_prediction == shadow_prediction:
            return "agree"

        first, second = _decode(user_prediction), _decode(shadow_prediction)
        by_largest = self._answers(version).by_largest
        if agree(first, second, self.settings.shadow_tolerance, by_largest):
            return "agree"
        return "differ"

    def _answers(self, version: str) -> Answers:
        """What a version answers, as the ledger knows it."""
        if self.table is None:
            return UNKNOWN
        return self.table.answers.get(version, UNKNOWN)


def _without_side_effects(table: RoutingTable) -> tuple[tuple[str, int], ...]:
    """The shadows whose predictions change nothing, with their shares."""
    if table.split is None:
        return ()

    versions = table.ledger.versions
    return tuple(
        (name, share) for name, share in table.split.shadows if not versions[name].side_effects
    )


@dataclass(frozen=True, slots=True)
class JudgedShadow:
    """Where the outcome of a copy counts in the verdict.

    role: "shadow" (compared with the user's answer) or "control" (the stable version's second
    answer, compared as well).
    rollout: the revision it began with. labelled: a label may tell whose answer was right."""

    tally: EvidenceCounters
    role: str
    rollout: int
    labelled: bool = False


@dataclass(slots=True)
class Copy(Pending):
    """The rows of an answered request, sent to one shadow."""

    mirror: Mirror
    version: str
    answer: Predicted
    judged: JudgedShadow | None
    prediction_id: bytes

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.mirror.compare(self, outcome)


def distance(first: Any, second: Any) -> float:
    """The difference of two values, the largest of two lists, else 1; equal classes differ by 0."""
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return max(map(distance, first, second), default=0.0)
    if isinstance(first, str | bool) and first == second:
        return 0.0
    if isinstance(first, float) and isinstance(second, float) and math.isfinite(first - second):
        return abs(first - second)
    return 1.0


def agree(first: Any, second: Any, tolerance: float, by_largest: bool = True) -> bool:
    """Whether two predictions have the same class, or values within the tolerance.

    by_largest: the largest of a list names its class; else every value of it counts."""
    if isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            return False
        if not by_largest or (first and isinstance(first[0], list)):
            pairs = zip(first, second, strict=True)
            return all(agree(one, other, tolerance, by_largest) for one, other in pairs)
        return first.index(max(first)) == second.index(max(second))
    if isinstance(first, float) or isinstance(second, float):
        return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)
    return bool(first == second)
