"""The statements on drift, each with its own promise, as the page, `status` and metrics show them.

Against training there is a size and no test: users are never quite the training's rows. Between the
versions of a rollout there is a test of the assignment. Over time there is a detector with a bound
on its false alarms, and an alarm only where answers or labels changed too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NO_REFERENCE, NO_BASELINE, STEADY = "no reference", "no baseline", "steady"
INPUTS_CHANGED, ANSWERS_CHANGED, ALARM = "inputs changed", "answers changed", "alarm"


@dataclass(frozen=True)
class NameDrift:
    """A column, or a value of the answers, against training.

    distance: share of the rows that would have to move to other bins (total variation); chance: its
    mean where nothing changed. word: `as before`, `moved` or `beyond what was seen`. unseen: rows
    out of the range or the categories of training. nulls_before: share of nulls in training.
    more: the bin that gained most.
    """

    name: str
    rows: int
    distance: float
    chance: float
    word: str
    is_marked: bool
    unseen: int
    nulls: int
    nulls_before: float
    more: str


@dataclass(frozen=True)
class TrainingStatement:
    """One version against its training. columns_of: as in TrainingReference; empty: no reference.

    rows: that were counted; refused: of them, those that do not fit its columns.
    """

    version: str
    columns_of: str = ""
    rows: int = 0
    refused: int = 0
    left_out: int = 0
    columns: Sequence[NameDrift] = ()
    answers: Sequence[NameDrift] = ()


@dataclass(frozen=True)
class ColumnMixRow:
    """One column of a rollout. share: log of its own evidence, as a part of what decides.

    distance: between the versions; bin: the one that differs most.
    """

    name: str
    share: float
    distance: float
    bin: str


@dataclass(frozen=True)
class MixStatement:
    """The column mix of a rollout's versions. candidate, stable: units whose first row was counted.

    share: log of the evidence, as a part of what decides. is_broken: the assignment is.
    """

    candidate: int
    stable: int
    share: float
    is_broken: bool
    columns: Sequence[ColumnMixRow] = ()


@dataclass(frozen=True)
class ChangeStatement:
    """What changed over time in the answers and columns of one version.

    state: `no reference`, `no baseline`, `steady`, `inputs changed`, `answers changed` or `alarm`.
    since: when the newest change that it needs was found (epoch seconds). days: of one false alarm
    at most. names: what changed, with the evidence as a part of what decides; the largest first.
    hours: of the baseline, of those that it needs.
    """

    version: str
    state: str
    days: float
    window_s: float
    since: float | None = None
    names: Mapping[str, float] = field(default_factory=dict)
    hours: int = 0
    hours_needed: int = 0


@dataclass(frozen=True)
class DriftReport:
    """All statements. mix: None without a judged rollout; change: None without a release."""

    training: Sequence[TrainingStatement] = ()
    mix: MixStatement | None = None
    change: ChangeStatement | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether somebody has to look."""
        return self.change is not None and self.change.state == ALARM
