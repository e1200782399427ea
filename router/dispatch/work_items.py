"""What waits for a version and what comes of it. A request of many rows goes in parts, so that it
holds nobody up.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice

import msgspec


class RowError(msgspec.Struct):
    """What a version said of one row: 422 does not fit its columns, 500 its pipeline failed on it.

    attributed: False where the pipeline failed on several rows and there was no time to find which.
    """

    row: int
    status: int
    detail: str
    column: str | None = None
    attributed: bool = True


class BatchAnswer(msgspec.Struct):
    """The answer of a version to one batch; the predictions stay raw JSON."""

    predictions: list[msgspec.Raw]
    errors: list[RowError] = []
    classes: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Predicted:
    """One caller's part of a batch: a raw prediction a row (null at a bad row), and the bad rows by
    their place.
    """

    predictions: list[msgspec.Raw]
    errors: list[RowError]
    classes: bytes


@dataclass(frozen=True, slots=True)
class DispatchError:
    """No answer. reason: connect, closed, timeout, garbled, http_5xx, refused, shed, suspended,
    deadline or model.
    """

    reason: str
    detail: str


@dataclass(slots=True)
class Pending(ABC):
    """Rows of one caller that wait for a version, which tells it the outcome by one call of `done`.

    alone: they go in a batch of their own; losses: how often a process was lost that had been given
    them; over: its deadline passed while its batch was under way, and it was told so; size: bytes
    of its rows."""

    rows: list[msgspec.Raw]
    deadline: float
    losses: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    alone: bool = field(default=False, init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.rows))

    @abstractmethod
    def done(self, outcome: Predicted | DispatchError) -> None:
        """What came of it."""

    def late(self, outcome: Predicted | DispatchError) -> None:  # noqa: B027
        """What came of it after it was over."""


class LargeRequest:
    """A request that goes in parts. taken: so many rows have left; over: its caller has been
    told.
    """

    __slots__ = ("_answers", "_waited_for", "over", "pending", "taken")

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.taken = 0
        self.over = False
        self._answers: list[tuple[int, Predicted]] = []
        self._waited_for = len(pending.rows)

    @property
    def rest(self) -> int:
        """How many rows still wait."""
        return len(self.pending.rows) - self.taken

    def part(self, most: int, most_bytes: int) -> "Chunk":
        """The next rows: at most so many, and of more than one at most so many bytes."""
        rows, start = self.pending.rows, self.taken
        sizes = accumulate(map(len, islice(rows, start, start + most)))
        fit = sum(1 for size in sizes if size <= most_bytes)
        self.taken = start + max(1, fit)
        return Chunk(rows[start : self.taken], self.pending.deadline, self, start)

    def answered(self, start: int, rows: int, outcome: Predicted | DispatchError) -> None:
        """A part has its outcome: the first that is lost is the outcome of all, else they are put
        together.
        """
        if self.over:
            return

        if isinstance(outcome, DispatchError):
            self.end(outcome)
            return

        if not all(error.attributed for error in outcome.errors):
            # Those at fault cannot be told from the others: the rest of its rows would take as
            # long.
            self.end(DispatchError("model", outcome.errors[0].detail))
            return

        # Not of all parts at once, at the end: that would keep the event loop for milliseconds.
        errors = [moved(error, start) for error in outcome.errors] if start else outcome.errors
        self._answers.append((start, replace(outcome, errors=errors)))
        self._waited_for -= rows
        if not self._waited_for:
            self.end(self._together())

    def end(self, outcome: Predicted | DispatchError) -> None:
        """Tell the caller, once; what still comes or waits is of no use."""
        if not self.over:
            self.over = True
            self.pending.done(outcome)

    def _together(self) -> Predicted:
        answers = [answer for _, answer in sorted(self._answers, key=lambda answer: answer[0])]
        predictions = [each for answer in answers for each in answer.predictions]
        errors = [error for answer in answers for error in answer.errors]
        return Predicted(predictions, errors, answers[0].classes)


@dataclass(slots=True)
class Chunk(Pending):
    """Some rows of a request, from its row `start` on."""

    whole: LargeRequest
    start: int

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.whole.answered(self.start, len(self.rows), outcome)


def moved(error: RowError, by: int) -> RowError:
    """The same error of the row that is so many places further on."""
    return msgspec.structs.replace(error, row=error.row + by)
