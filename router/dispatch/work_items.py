"""Queued requests and their outcomes. Large requests are split, so that they delay no others."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from typing import Any

import msgspec

GATEWAY_ERRORS = (502, 503, 504)
"""What stands before a process answers so while the process is away."""


class RowError(msgspec.Struct):
    """A version's error for one row. status: 422 (it does not fit) or 500 (the pipeline failed).

    attributed: False where the pipeline failed on several rows, and there was no time to find out
    on which."""

    row: int
    status: int
    detail: str
    column: str | None = None
    attributed: bool = True


class BatchAnswer(msgspec.Struct):
    """A version's answer to one batch; the predictions stay raw JSON.

    classes, targets: what the positions of its lists mean. outputs: the predictions of further
    outputs, by name."""

    predictions: list[msgspec.Raw]
    errors: list[RowError] = []
    classes: msgspec.Raw = msgspec.Raw(b"null")
    targets: msgspec.Raw = msgspec.Raw(b"null")
    outputs: dict[str, list[msgspec.Raw]] = {}

    @property
    def rows(self) -> int:
        """How many rows every output has; -1 where they differ."""
        rows = len(self.predictions)
        if all(len(values) == rows for values in self.outputs.values()):
            return rows
        return -1


@dataclass(frozen=True, slots=True)
class Predicted:
    """A request's part of a batch answer: one raw prediction per row, null for a bad row.

    outputs: the same of further outputs, by name."""

    predictions: list[msgspec.Raw]
    errors: list[RowError]
    classes: bytes
    targets: bytes = b"null"
    outputs: dict[str, list[msgspec.Raw]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DispatchError:
    """No answer. reason: connect, closed, timeout, garbled, http_5xx, refused, shed, suspended,
    deadline, model, or gave way (a load test's to users'). status: of the HTTP answer, 0 where
    there was none.
    """

    reason: str
    detail: str
    status: int = 0

    @property
    def is_of_the_process(self) -> bool:
        """Whether the version's process could not be asked, so that it says nothing of the rows.

        One such event costs every request of its time: it is compared in time, never request by
        request."""
        if self.reason == "http_5xx":
            return self.status in GATEWAY_ERRORS
        return self.reason in ("connect", "closed", "timeout", "shed", "suspended", "deadline")

    @property
    def fault(self) -> str:
        """The word of the kind `outcomes`: shed (a matter of load), lost or failed."""
        if self.reason in ("shed", "deadline"):
            return "shed"
        if self.is_of_the_process:
            return "lost"
        return "failed"


@dataclass(slots=True)
class Pending(ABC):
    """The rows of one request in a queue. Its outcome is one call of `done`.

    alone: they need a batch of their own. losses: how often a process was lost that had them.
    over: its deadline passed while its batch was in flight, so that `done` was called already.
    size: bytes of its rows. span: of the request, None for most."""

    rows: list[msgspec.Raw]
    deadline: float
    losses: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    alone: bool = field(default=False, init=False)
    size: int = field(init=False)
    span: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.rows))

    @abstractmethod
    def done(self, outcome: Predicted | DispatchError) -> None:
        """Take the outcome."""

    def late(self, outcome: Predicted | DispatchError) -> None:  # noqa: B027
        """Take the outcome that came after the deadline."""


class LargeRequest:
    """A request that is sent in chunks. taken: rows sent so far. over: it has its outcome."""

    __slots__ = ("_answers", "_missing", "over", "pending", "taken")

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.taken = 0
        self.over = False
        self._answers: list[tuple[int, Predicted]] = []
        self._missing = len(pending.rows)

    @property
    def rest(self) -> int:
        """The number of rows that still wait."""
        return len(self.pending.rows) - self.taken

    def next_chunk(self, most: int, most_bytes: int) -> "Chunk":
        """The next rows, at least one. most: rows at most. most_bytes: of more than one row."""
        rows, start = self.pending.rows, self.taken
        sizes = accumulate(map(len, islice(rows, start, start + most)))
        fit = sum(1 for size in sizes if size <= most_bytes)
        self.taken = start + max(1, fit)
        chunk = Chunk(rows[start : self.taken], self.pending.deadline, self, start)
        chunk.span = self.pending.span
        return chunk

    def answered(self, start: int, rows: int, outcome: Predicted | DispatchError) -> None:
        """Take the outcome of one chunk. The first error is the outcome of the whole request."""
        if self.over:
            return

        if isinstance(outcome, DispatchError):
            self.end(outcome)
            return

        if not all(error.attributed for error in outcome.errors):
            # The bad rows are not known, and the other chunks would take as long.
            self.end(DispatchError("model", outcome.errors[0].detail))
            return

        # Chunk by chunk: of all rows at the end, it would block the event loop for milliseconds.
        errors = [moved(error, start) for error in outcome.errors] if start else outcome.errors
        self._answers.append((start, replace(outcome, errors=errors)))
        self._missing -= rows
        if not self._missing:
            self.end(self._together())

    def end(self, outcome: Predicted | DispatchError) -> None:
        """Give the request its outcome, once; later outcomes of its chunks are ignored."""
        if not self.over:
            self.over = True
            self.pending.done(outcome)

    def _together(self) -> Predicted:
        predictions: list[msgspec.Raw] = []
        errors: list[RowError] = []
        self._answers.sort(key=lambda answer: answer[0])
        first = self._answers[0][1]
        outputs: dict[str, list[msgspec.Raw]] = {name: [] for name in first.outputs}
        for _, answer in self._answers:
            predictions += answer.predictions
            errors += answer.errors
            for name, values in answer.outputs.items():
                outputs[name] += values

        return Predicted(predictions, errors, first.classes, first.targets, outputs)


@dataclass(slots=True)
class Chunk(Pending):
    """Some rows of a large request, from its row `start` on."""

    request: LargeRequest
    start: int

    def done(self, outcome: Predicted | DispatchError) -> None:
        """See Pending."""
        self.request.answered(self.start, len(self.rows), outcome)


def rows_of_outputs(
    outputs: dict[str, list[msgspec.Raw]], rows: slice
) -> dict[str, list[msgspec.Raw]]:
    """Some rows of all further outputs."""
    return {name: values[rows] for name, values in outputs.items()}


def moved(error: RowError, by: int) -> RowError:
    """The same error, of the row `by` positions later."""
    return msgspec.structs.replace(error, row=error.row + by)
