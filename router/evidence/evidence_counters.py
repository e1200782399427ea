"""What one worker counts of a rollout: a tally a version and weight in force. Plain integers on the
hot path.

A request belongs to the weight that was in force when it was routed, so a tally lives on as long as
something under way may still count in it; what leaves this process is always the whole of it, never
a difference (store/evidence.py)."""

from typing import Any

from rollout.state.split import ALL
from rollout.verdict.bins import latency_bin
from router.dispatch.routing_table import RoutingTable

NO_ROLLOUT = "released"
"""Under this name the released version is counted while nothing is rolled out: the history a
rollout begins with.
"""
KEPT = 64
Key = tuple[str, str, int]


class EvidenceCounters:
    """The counts of one version at one weight of the candidate; their kinds are those of
    rollout/verdict/evidence.py.
    """

    __slots__ = (
        "answers",
        "classes",
        "complaints",
        "control",
        "copies",
        "drawn",
        "elapsed",
        "finished",
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
        self.complaints: dict[str, int] = {}
        self.timing: dict[int, int] = {}
        self.elapsed: dict[int, int] = {}

    def finish(self, word: str, seconds: float, warm: bool) -> None:
        """One drawn request has its outcome."""
        self.finished[word] += 1
        if warm and word != "shed":
            index = latency_bin(seconds)
            self.waits[index] = self.waits.get(index, 0) + 1

    def body(self) -> dict[str, dict[str, int]]:
        """Plain JSON, without what is 0."""
        kinds: dict[str, dict[Any, int]] = {"drawn": {"all": self.drawn}}
        kinds |= {kind: getattr(self, kind) for kind in self.__slots__ if kind != "drawn"}
        plain = {
            kind: {str(key): n for key, n in list(counts.items()) if n}
            for kind, counts in kinds.items()
        }
        return {kind: counts for kind, counts in plain.items() if counts}


def bump(counts: dict[Any, int], key: Any, by: int = 1) -> None:
    """One more, or so many."""
    counts[key] = counts.get(key, 0) + by


class EvidenceByWeight:
    """All tallies of one worker that may still change."""

    def __init__(self) -> None:
        self._all: dict[Key, EvidenceCounters] = {}

    def of(self, table: RoutingTable, version: str) -> EvidenceCounters:
        """The tally in which a request drawn by this table counts."""
        rolling = table.rolling
        key = (
            (NO_ROLLOUT, version, ALL) if rolling is None else (rolling.id, version, rolling.weight)
        )
        tally = self._all.get(key)
        if tally is None:
            tally = self._all[key] = EvidenceCounters()
            while len(self._all) > KEPT:
                # The oldest ended long ago: its requests have all been answered, and it has been
                # flushed. The history goes on, and would be handed in from nothing.
                oldest = next(
                    (each for each in self._all if each[0] != NO_ROLLOUT), next(iter(self._all))
                )
                del self._all[oldest]

        return tally

    def rows(self) -> list[tuple[str, str, int, dict[str, dict[str, int]]]]:
        """(rollout, version, weight, counts) of each."""
        return [(*key, tally.body()) for key, tally in list(self._all.items())]
