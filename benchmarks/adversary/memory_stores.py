"""The stores of a controller in memory, with the methods that it calls."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollout.state.ledger import Ledger, from_body
from rollout.verdict.evidence import Tally
from router.evidence.evidence_counters import NO_ROLLOUT
from store.evidence import EvidenceRow
from store.leases import Lease

FIRST = 1_000
"""Labels whose order is known."""


@dataclass(frozen=True)
class Act:
    """A revision that the controller made. at_s: seconds of the run."""

    name: str
    reason: str
    at_s: float


class MemoryLedger:
    """As store.ledger.LedgerStore, for one model."""

    def __init__(self, ledger: Ledger, clock: Any) -> None:
        self.ledger = ledger
        self.acts: list[Act] = []
        self._clock = clock

    def append(
        self,
        revision: int,
        body: dict[str, Any],
        act: str,
        _actor: str,
        reason: str,
        _at: datetime,
        *_more: Any,
    ) -> None:
        """Insert the next revision; raises ValueError for another one, as nobody else writes."""
        if revision != self.ledger.revision + 1:
            raise ValueError(f"revision {revision} is not the next one")

        self.ledger = from_body(body, revision)
        self.acts.append(Act(act, reason, self._clock()))


class MemoryEvidence:
    """As store.evidence.EvidenceStore, for one model. history: of the stable version while nothing
    was rolled out.
    """

    def __init__(self, stable: str, history: Tally) -> None:
        self._counted: dict[str, dict[tuple[str, int], Tally]] = {}
        self._marks: dict[str, dict[str, Any]] = {}
        self._history = (stable, 10_000, history)

    def flush(self, _source: str, _serial: int, rows: list[EvidenceRow]) -> None:
        """Replace what was counted before."""
        for row in rows:
            self._counted.setdefault(row.rollout, {})[row.version, row.weight] = row.body

    def counted(self, rollout: str) -> list[tuple[str, int, Tally]]:
        """(version, weight, counts) of a rollout."""
        counted = []
        for (version, weight), tally in self._counted.get(rollout, {}).items():
            counted.append((version, weight, tally))

        if rollout == NO_ROLLOUT:
            counted.append(self._history)
        return counted

    def mark(self, rollout: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Freeze a body, once."""
        marks = self._marks.setdefault(rollout, {})
        stands: dict[str, Any] = marks.setdefault(name, body)
        return stands

    def marks(self, rollout: str) -> Mapping[str, dict[str, Any]]:
        """What was frozen."""
        return dict(self._marks.get(rollout, {}))


@dataclass(frozen=True)
class LabelledAnswer:
    """A predicted class and its truth, as store.feedback.LabelledPrediction has them."""

    predicted_class: str
    label: str
    predicted: float | None = None


class MemoryLabels:
    """As store.feedback.FeedbackStore, with labels whose loss is known already."""

    def __init__(self, right_before: int = 0, wrong_before: int = 0) -> None:
        self._before = [LabelledAnswer("0", "0")] * right_before
        self._before += [LabelledAnswer("0", "1")] * wrong_before
        self._levels: dict[tuple[str, int, int], int] = {}
        self._first: list[tuple[str, int, int]] = []

    def add(self, labels: Mapping[tuple[str, int, int], int], chance: random.Random) -> None:
        """Count labels that came in any order: by version, weight and level of loss."""
        for key, count in labels.items():
            self._levels[key] = self._levels.get(key, 0) + count

        if len(self._first) < FIRST:
            came = [key for key, count in labels.items() for _ in range(count)]
            chance.shuffle(came)
            self._first += came

    def levels(self, _rollout: int) -> list[tuple[str, int, int, int]]:
        """(version, weight, level, count)."""
        return [(*key, count) for key, count in self._levels.items()]

    def first(self, _rollout: int, most: int) -> list[tuple[str, int, int, int]]:
        """The same of the first labels."""
        return [(*key, count) for key, count in Counter(self._first[:most]).items()]

    def before(self, _rollout: int, _version: str) -> list[LabelledAnswer]:
        """The stable version's labels from before the rollout."""
        return self._before

    def pairs(self, _rollout: int, *_versions: str) -> list[tuple[int, int, int]]:
        """None: no label tells of two answers here."""
        return []


class MemoryLeases:
    """As store.leases.LeaseStore, of the only router there is."""

    def look(self) -> None:
        """Nobody has it."""

    def take(self, _seen: Lease | None, holder: str) -> Lease:
        """Take it."""
        return Lease(holder, 1)

    def renew(self, lease: Lease) -> Lease:
        """Keep it."""
        return lease


class NoCopies:
    """As store.shadow_answers.ShadowAnswerStore: keeps nothing."""

    def keep(self, _rollout: int, _answers: list[Any]) -> bool:
        """Forget them, and take no more."""
        return False


class NoArrivals:
    """As store.arrivals.ArrivalStore, where nothing was kept and nobody looks."""

    def of(self, _rollout: str) -> list[dict[str, Any]]:
        """No samples of earlier controllers."""
        return []

    def keep(self, *_sample: Any) -> None:
        """Nothing is kept."""
