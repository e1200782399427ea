"""The counts that the verdict of a rollout reads: one set per version and weight in force.

This module alone writes them; everybody else calls a method of EvidenceCounters. They are plain
integers, since requests wait for them.

A request belongs to the weight that was in force when it was routed, so a set lives on while
requests in progress may still count in it. The totals leave this process, never a difference
(store/evidence.py)."""

from math import isfinite
from typing import Any

from rollout.state.split import ALL
from rollout.verdict.bins import latency_bin, value_bin
from rollout.verdict.evidence import NO_ROLLOUT, OUTAGE_SLOT_S
from router.dispatch.routing_table import RoutingTable
from router.evidence.pair_difference import PairDifference

MOST_NAMES = 1_000
OTHER_NAMES = "other answers"
MOST_SLOTS = 4_096
"""Slots of outages that are kept: a day and more, if there is one in each."""
KEPT = 8
"""Rollouts that are over and kept: their last requests may still be in progress."""
MOST_WEIGHTS = 500
"""Different weights of one rollout that are counted apart."""
NO_WEIGHT = 0
"""Of what is counted at no weight of its own nobody bets on who was drawn."""
Key = tuple[str, str, int]


class EvidenceCounters:
    """The counts of one version at one weight, by the kinds of rollout/verdict/evidence.py."""

    __slots__ = (
        "answers",
        "classes",
        "compared",
        "complaints",
        "control",
        "copies",
        "drawn",
        "elapsed",
        "entered",
        "finished",
        "left",
        "outages",
        "outcomes",
        "segments",
        "timing",
        "values",
        "waits",
    )

    def __init__(self) -> None:
        self.drawn = 0
        self.finished = {"ok": 0, "error": 0, "refused": 0, "neither": 0, "shed": 0}
        self.waits: dict[int, int] = {}
        self.classes: dict[str, int] = {}
        self.values: dict[int, int] = {}
        self.copies: dict[str, int] = {}
        self.control: dict[str, int] = {}
        self.answers: dict[str, int] = {}
        self.compared: dict[str, int] = {}
        self.left: dict[str, int] = {}
        self.entered: dict[str, int] = {}
        self.segments: dict[str, int] = {}
        self.outages: dict[int, int] = {}
        self.outcomes: dict[str, int] = {}
        self.complaints: dict[str, int] = {}
        self.timing: dict[int, int] = {}
        self.elapsed: dict[int, int] = {}

    def request_drawn(self) -> None:
        """Count the first request of a unit."""
        self.drawn += 1

    def request_finished(self, word: str, seconds: float, warm: bool) -> None:
        """Count the outcome of a drawn request.

        word: a key of `finished`. seconds: from draw to answer. warm: no cold start made it slow.
        """
        self.finished[word] += 1
        if warm and word != "shed":
            _increment(self.waits, latency_bin(seconds))

    def predicted(self, class_name: str, score: float) -> None:
        """Count a prediction: its class, or its value where `class_name` is empty."""
        if class_name:
            _increment_name(self.classes, class_name)
        elif isfinite(score):
            _increment(self.values, value_bin(score))

    def shadow_compared(self, outcome: str) -> None:
        """Count a candidate's answer to a copy: agree, differ or error."""
        _increment(self.copies, outcome)

    def control_compared(self, outcome: str) -> None:
        """Count the stable version's second answer to a copy: agree, differ or error."""
        _increment(self.control, outcome)

    def pair_answered(self, word: str) -> None:
        """Count what became of a request that both versions were asked.

        word: both, neither, or "candidate failed", "stable refused" and the like, of one alone."""
        _increment(self.answers, word)

    def pair_compared(self, difference: PairDifference) -> None:
        """Count how far two answers to one request are apart."""
        _increment(self.compared, "pairs")
        for word in difference.words:
            _increment(self.compared, word)

        if difference.stable_class != difference.candidate_class:
            _increment_name(self.left, difference.stable_class)
            _increment_name(self.entered, difference.candidate_class)

    def pair_took(self, slow: str) -> None:
        """Count a pair whose times can be compared. slow: candidate, stable or empty, of the one
        that took much longer."""
        _increment(self.compared, "timed")
        if slow:
            _increment(self.compared, f"{slow} slow")

    def pair_in_segment(self, segment: str, word: str) -> None:
        """Count a pair of one segment: both, worse, better, differs or neither."""
        _increment(self.segments, f"{segment}|{word}")

    def outage_began(self, now: float) -> None:
        """Count an outage of the version that began now (epoch seconds)."""
        slot = int(now // OUTAGE_SLOT_S)
        if slot in self.outages or len(self.outages) < MOST_SLOTS:
            _increment(self.outages, slot)

    def outcome(self, word: str) -> None:
        """Count one of all requests and copies of the version: ok, failed, lost or shed.

        The last three only where the other version answered the same request. Each copy counts as
        "copied", too."""
        _increment(self.outcomes, word)

    def pair_timed(self, processor_bin: int, elapsed_bin: int) -> None:
        """Count the ratios of both versions' times, candidate to stable, by processor and clock."""
        _increment(self.timing, processor_bin)
        _increment(self.elapsed, elapsed_bin)

    def complained(self, code: str, times: int) -> None:
        """Count lines with this code in the platform's log of the version's app."""
        _increment(self.complaints, code, times)

    def body(self) -> dict[str, dict[str, int]]:
        """All counts that are not 0, by kind and key, as plain JSON."""
        body = {}
        if self.drawn:
            body["drawn"] = {"all": self.drawn}

        for kind in self.__slots__:
            if kind != "drawn" and (counts := _nonzero(getattr(self, kind))):
                body[kind] = counts

        return body


class EvidenceByWeight:
    """All counts of one worker that may still change.

    Totals replace those that were stored, so a set that may be counted in again is never forgotten:
    neither one of the rollout in progress nor one of a released version. A rollout whose weight is
    moved more often than MOST_WEIGHTS counts its further weights together, at no weight: they are
    shown, and bet with what both versions were asked, but not on the draw."""

    def __init__(self) -> None:
        self._tallies: dict[Key, EvidenceCounters] = {}

    def of(self, table: RoutingTable, version: str) -> EvidenceCounters:
        """The counts that a request drawn by this table belongs to."""
        key = _key(table, version)
        tally = self._tallies.get(key)
        if tally is None and not self._has_room(key):
            key = (*key[:2], NO_WEIGHT)
            tally = self._tallies.get(key)

        if tally is None:
            tally = self._tallies[key] = EvidenceCounters()
            self._forget_oldest(key[0])

        return tally

    def rows(self) -> list[tuple[str, str, int, dict[str, dict[str, int]]]]:
        """(rollout, version, weight, counts) of each."""
        return [(*key, tally.body()) for key, tally in list(self._tallies.items())]

    def _has_room(self, key: Key) -> bool:
        """Whether a further weight of a rollout is counted apart."""
        rollout, version, _ = key
        if rollout == NO_ROLLOUT:
            return True

        weights = sum(1 for other in self._tallies if other[:2] == (rollout, version))
        return weights < MOST_WEIGHTS

    def _forget_oldest(self, rollout: str) -> None:
        """Forget rollouts that ended long ago: their requests have all been answered, their counts
        were stored, and their names never come again.
        """
        over = list(dict.fromkeys(key[0] for key in self._tallies))
        gone = [name for name in over if name not in (NO_ROLLOUT, rollout)][:-KEPT]
        for key in [key for key in self._tallies if key[0] in gone]:
            del self._tallies[key]


def _key(table: RoutingTable, version: str) -> Key:
    rollout = table.rolling
    if rollout is None:
        return NO_ROLLOUT, version, ALL
    return rollout.id, version, rollout.weight


def _increment(counts: dict[Any, int], key: Any, by: int = 1) -> None:
    counts[key] = counts.get(key, 0) + by


def _increment_name(counts: dict[str, int], name: str) -> None:
    """Count a name; those beyond MOST_NAMES count together, as a model may answer any text."""
    if name not in counts and len(counts) >= MOST_NAMES:
        name = OTHER_NAMES

    _increment(counts, name)


def _nonzero(counts: dict[Any, int]) -> dict[str, int]:
    # A copy of the items first: the event loop may add keys in the meantime.
    return {str(key): n for key, n in list(counts.items()) if n}
