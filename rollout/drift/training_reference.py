"""What a version was trained on, and by which names its counts are kept in the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.drift.counted_bins import CountedBins, counted_bins
from rollout.history.series import VersionCounts

COLUMN, ANSWER, MIX = "column", "answer", "mix"
SAMPLED = "sampled"
"""Of rows: `rows` that were counted, `refused` of them that did not fit the columns."""


@dataclass(frozen=True)
class TrainingReference:
    """The distributions of one version's training.

    id: of these bins. columns_of: `training`, or `held-out` where the delivery had no training
    rows. answers: on the held-out rows. left_out: columns that are not counted.
    """

    id: str
    columns_of: str
    columns: Sequence[CountedBins]
    answers: Sequence[CountedBins]
    left_out: int = 0

    @property
    def sampled_kind(self) -> str:
        """The kind of the rows themselves."""
        return f"{SAMPLED} {self.id}"

    def kind(self, word: str, number: int) -> str:
        """The kind of a history's counts: of the bins of this reference alone.

        word: COLUMN or ANSWER; number: of the column or answer.
        """
        return f"{word} {self.id} {number}"

    def mix_kind(self, number: int, rollout: int) -> str:
        """The same under MIX, of one rollout by its number: its units were drawn once."""
        return f"{self.kind(MIX, number)} {rollout}"

    def columns_in(self, counts: VersionCounts) -> list[CountedBins]:
        """The columns, with what was counted."""
        return self._filled(COLUMN, self.columns, counts)

    def answers_in(self, counts: VersionCounts) -> list[CountedBins]:
        """The answers, with what was counted."""
        return self._filled(ANSWER, self.answers, counts)

    def _filled(
        self, word: str, bins: Sequence[CountedBins], counts: VersionCounts
    ) -> list[CountedBins]:
        return [one.counted(counts.of(self.kind(word, number))) for number, one in enumerate(bins)]


def reference_of(body: Mapping[str, Any]) -> TrainingReference:
    """Of the JSON that a version tells; raises KeyError, TypeError or ValueError."""
    return TrainingReference(
        str(body["id"]),
        str(body["columns_of"]),
        tuple(map(counted_bins, body["columns"])),
        tuple(map(counted_bins, body["answers"])),
        int(body["left_out"]),
    )


def mix_key(weight: int, number: int) -> str:
    """The key of a bin's rows under MIX. weight: of the candidate when they were drawn."""
    return f"{weight}/{number}"


def mix_place(key: str) -> tuple[int, int]:
    """(weight, number of the bin) of a key."""
    weight, _, number = key.partition("/")
    return int(weight), int(number)
