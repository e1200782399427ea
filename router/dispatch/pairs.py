"""Asks both versions of a rollout the same request at the same moment, for a sample of requests.

A sticky unit is drawn once, so the evidence of draws runs out where users are few. A pair needs no
draw: whoever asks, and however often, a candidate that is no worse fails no more often than the
stable version does, asked the same (docs/verdict.md).

Which request becomes a pair is decided by chance and before any outcome is known, whatever version
answers the user. One pair at a time in each worker: the next one begins when the last one is known,
so that what struck several requests at once is no more than one bet. A half that was lost on its
way to the process makes it no pair; such outages are compared in time. The user gets the answer of
the version that was drawn, and waits for no other."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from rollout.settings import Limits
from rollout.state.classes import Answers
from rollout.state.split import ALL
from router.dispatch.lane import Lane
from router.dispatch.routing_table import ActiveRollout, RoutingTable
from router.dispatch.work_items import DispatchError, Pending, Predicted
from router.evidence.evidence_counters import EvidenceByWeight, EvidenceCounters
from router.evidence.pair_difference import PairComparer
from router.evidence.row_segments import segments_of_row
from router.shadow.shadow_buffer import ShadowBuffer

log = logging.getLogger("sluice.pairs")
MOST_ROWS = 64
MOST_BYTES = 64 * 1024
BUSY_ROWS = 64
PART_OF_TIME = 2
"""After a pair that took a second, the next one waits for two: a slow version is not asked twice as
often.
"""
LONGEST_PAUSE_S = 5.0
AT_ONCE_S = 1.0
"""A version that takes longer is in trouble itself."""
SLOW = 3.0
"""Times as long as the other version's answer to the same request."""
Outcome = Predicted | DispatchError


class PairSampler:
    """The pairs of one worker. lanes: of the versions that are deployed now.

    per_second: pairs at most, 0 for none; overhead_s: what both take in addition to the time that
    is measured; is_warm: whether times count now; kept: where answers wait for their labels;
    clock: epoch seconds; chance: a number in [0, 1)."""

    def __init__(
        self,
        per_second: float,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        lanes: Mapping[str, Lane],
        tallies: EvidenceByWeight,
        is_warm: Callable[[], bool],
        kept: ShadowBuffer,
        clock: Callable[[], float] = time.time,
        overhead_s: float = 0.002,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.per_second, self.limits, self.loop, self.lanes = per_second, limits, loop, lanes
        self.tallies, self.is_warm, self.overhead_s, self.chance = (
            tallies,
            is_warm,
            overhead_s,
            chance,
        )
        self.kept, self.clock = kept, clock
        self._away: set[str] = set()
        self._table: RoutingTable | None = None
        self._rolling: ActiveRollout | None = None
        self._comparer = PairComparer(_unknown)
        self._open: PairedRequest | None = None
        self._next_at = float("-inf")

    def follow(self, table: RoutingTable) -> None:
        """Use a newer routing table."""
        before, rolling = self._rolling, table.rolling
        self._table = table
        self._rolling = rolling if rolling is not None and _is_compared(rolling) else None
        if before is None or self._rolling is None or before.id != self._rolling.id:
            self._comparer = PairComparer(self._answers)

    def begin(self, rows: list[msgspec.Raw], size: int, version: str) -> "PairedRequest | None":
        """A pair of these rows, of which `version` is asked now; None where it becomes none.

        size: bytes of the rows."""
        rolling, now = self._rolling, self.loop.time()
        if rolling is None or not self.per_second or now < self._next_at or self._is_asking(now):
            return None

        other = self._lane_beside(rolling, version)
        if other is None or len(rows) > MOST_ROWS or size > MOST_BYTES or self._table is None:
            return None

        counters = {}
        for name in (rolling.candidate, rolling.stable):
            counters[name] = self.tallies.of(self._table, name)

        is_timed = self.is_warm() and self._are_idle(rolling)
        pair = PairedRequest(self, rolling, counters, rows, now, other.version, is_timed)
        deadline = now + self.limits.version_timeout_ms / 1000
        if other.submit(PairedCopy(rows, deadline, pair, other.version)) is not None:
            return None

        self._open = pair
        return pair

    def _is_asking(self, now: float) -> bool:
        """Whether a pair is in progress. One that never ends must not be the last."""
        if self._open is None:
            return False
        return now - self._open.began < 2 * self.limits.deadline_ms / 1000

    def _are_idle(self, rolling: ActiveRollout) -> bool:
        """Whether neither version has anything to do, so that both begin at once."""
        lanes = (self.lanes[rolling.candidate], self.lanes[rolling.stable])
        return not any(lane.queued_rows or lane.rows_in_flight for lane in lanes)

    def _lane_beside(self, rolling: ActiveRollout, version: str) -> Lane | None:
        """The lane of the rollout's other version; None where one of the two is busy or gone."""
        candidate, stable = self.lanes.get(rolling.candidate), self.lanes.get(rolling.stable)
        if candidate is None or stable is None:
            return None
        if max(candidate.queued_rows, stable.queued_rows) > BUSY_ROWS:
            return None

        if version == rolling.candidate:
            return stable
        if version == rolling.stable:
            return candidate
        return None

    def settle(self, pair: "PairedRequest") -> None:
        """Count a pair whose halves are both known, and let the next one begin."""
        if self._open is pair:
            self._open = None
            now = self.loop.time()
            spent = min(PART_OF_TIME * (now - pair.began), LONGEST_PAUSE_S)
            self._next_at = now + max(spent, 2 * self.chance() / self.per_second)

        candidate = pair.halves.get(pair.rolling.candidate)
        stable = pair.halves.get(pair.rolling.stable)
        if candidate is None or stable is None:
            return

        candidate_word, stable_word = half_of(candidate), half_of(stable)
        self._count_copy(pair, candidate_word, stable_word)
        self._note_outage(pair, candidate_word, stable_word)
        if "lost" in (candidate_word, stable_word):
            return

        word = _word(candidate_word, stable_word)
        tally = pair.counters[pair.rolling.candidate]
        tally.pair_answered(word)
        if pair.is_timed and word == "both":
            tally.pair_took(self._slow_one(pair))

        differs = word == "both" and self._compare(pair, candidate, stable)
        pair.count_segments(word, differs)
        self.keep(pair)

    def _note_outage(self, pair: "PairedRequest", candidate_word: str, stable_word: str) -> None:
        """Count an outage of one version when it begins. Both are asked equally often, so none has
        more for having more requests.
        """
        candidate, stable = pair.rolling.candidate, pair.rolling.stable
        lost = {candidate: candidate_word == "lost", stable: stable_word == "lost"}
        for version, is_lost in lost.items():
            if is_lost and version not in self._away:
                pair.counters[version].outage_began(self.clock())

        self._away = {version for version, is_lost in lost.items() if is_lost}

    def keep(self, pair: "PairedRequest") -> None:
        """Keep the answer that the user did not get, until the label of the other one comes."""
        other = pair.halves.get(pair.copied_to)
        if not pair.prediction_id or len(pair.halves) < 2 or not isinstance(other, Predicted):
            return

        number, answers = pair.rolling.number, self._answers(pair.copied_to)
        self.kept.keep_other_answer(number, pair.prediction_id, len(pair.rows), other, answers)

    def _count_copy(self, pair: "PairedRequest", candidate_word: str, stable_word: str) -> None:
        """Count the copy among all requests of its version, and what only the drawn version failed.

        So each version's failures are counted on the same requests."""
        own, others, drawn = candidate_word, stable_word, pair.rolling.stable
        if pair.copied_to != pair.rolling.candidate:
            own, others, drawn = stable_word, candidate_word, pair.rolling.candidate

        counters = pair.counters[pair.copied_to]
        counters.outcome("copied")
        if own in ("ok", "refused") or (others == "ok" and pair.seconds[drawn] <= AT_ONCE_S):
            counters.outcome(own)

        if own == "ok" and others == "failed":
            pair.counters[drawn].outcome("failed")

    def _compare(self, pair: "PairedRequest", candidate: Outcome, stable: Outcome) -> bool:
        """Count the difference of two answers. Returns whether there is one."""
        if isinstance(candidate, DispatchError) or isinstance(stable, DispatchError):
            return False

        rolling = pair.rolling
        difference = self._comparer.difference(
            (rolling.candidate, candidate), (rolling.stable, stable)
        )
        if difference is None:
            return False

        pair.counters[rolling.candidate].pair_compared(difference)
        return difference.differs

    def _slow_one(self, pair: "PairedRequest") -> str:
        """Which of the two took SLOW times as long as the other: candidate, stable or empty."""
        candidate_s = pair.seconds[pair.rolling.candidate] + self.overhead_s
        stable_s = pair.seconds[pair.rolling.stable] + self.overhead_s
        if candidate_s >= SLOW * stable_s:
            return "candidate"
        if stable_s >= SLOW * candidate_s:
            return "stable"
        return ""

    def _answers(self, version: str) -> Answers:
        if self._table is None:
            return _unknown(version)
        return self._table.answers.get(version, _unknown(version))


@dataclass(slots=True)
class PairedRequest:
    """One request that both versions are asked.

    counters: of both versions, at the weight in force when it was asked. copied_to: the version
    that does not answer the user. is_timed: whether its times count: no version has started just
    now, or is busy. halves, seconds: the outcomes and what they took, by version. prediction_id: of
    the user's answer, once it has one."""

    sampler: PairSampler
    rolling: ActiveRollout
    counters: Mapping[str, EvidenceCounters]
    rows: list[msgspec.Raw]
    began: float
    copied_to: str
    is_timed: bool
    halves: dict[str, Outcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    over: bool = False
    prediction_id: bytes = b""

    @property
    def takes_label(self) -> bool:
        """Whether the label of the user's answer can speak of both answers."""
        return self.sampler.kept.has_room(self.rolling.number)

    def named(self, prediction_id: bytes) -> None:
        """Learn the id of the user's answer."""
        self.prediction_id = prediction_id
        if self.over:
            self.sampler.keep(self)

    def answered(self, version: str, outcome: Outcome) -> None:
        """Take one half."""
        self.halves[version] = outcome
        self.seconds[version] = self.sampler.loop.time() - self.began
        if len(self.halves) == 2:
            self._end()

    def dismiss(self) -> None:
        """End it without its second half, whose outcome is not known."""
        self._end()

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self._settle()

    def _settle(self) -> None:
        """Count it. Raises nothing: a user's answer is given after it."""
        try:
            self.sampler.settle(self)
        except Exception:
            log.exception("a pair could not be counted")

    def count_segments(self, word: str, differs: bool) -> None:
        """Count it in each segment that its first row belongs to."""
        counted = segment_word(word, differs)
        for segment in segments_of_row(self.rows[0], self.rolling.segments):
            self.counters[self.rolling.candidate].pair_in_segment(segment, counted)


@dataclass(slots=True)
class PairedCopy(Pending):
    """The rows of a request, sent to the version that does not answer it."""

    pair: PairedRequest
    version: str

    def done(self, outcome: Outcome) -> None:
        """See Pending."""
        self.pair.answered(self.version, outcome)


def half_of(outcome: Outcome) -> str:
    """What one version made of a request: ok, failed, refused, or lost before it was asked."""
    if isinstance(outcome, DispatchError):
        if outcome.is_of_the_process:
            return "lost"
        if outcome.reason == "refused":
            return "refused"
        return "failed"

    if any(error.status >= 500 for error in outcome.errors):
        return "failed"
    if outcome.errors:
        return "refused"
    return "ok"


def segment_word(word: str, differs: bool) -> str:
    """What a pair is to its segments: worse, better, both, differs or neither."""
    if word.startswith("candidate"):
        return "worse"
    if word.startswith("stable"):
        return "better"

    if differs:
        return "differs"
    return word


def _word(candidate: str, stable: str) -> str:
    """The word of a pair: only what one version answers and the other one does not is a
    difference.
    """
    if candidate == stable == "ok":
        return "both"
    if stable == "ok":
        return f"candidate {candidate}"
    if candidate == "ok":
        return f"stable {stable}"
    return "neither"


def _is_compared(rolling: ActiveRollout) -> bool:
    """Whether the verdict compares what both versions make of the same request."""
    return rolling.judged and rolling.pairs and (0 < rolling.weight < ALL or rolling.watching)


def _unknown(_version: str) -> Answers:
    return Answers()
