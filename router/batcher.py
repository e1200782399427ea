"""One lane a version: while its batches are under way what arrives waits, then goes together.

There is no timer and no added wait when idle. Every queue has a bound, every wait a deadline; a lane never holds
another's rows.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field

import msgspec

from rollout.settings import Limits
from router.counts import Counts
from router.upstream import Answer, Failure, Pool

# Each batch has a fixed cost, so that two small ones at once are slower than one after the other.
ROWS_BESIDE_ANOTHER = 16
TRIES_IN_A_ROW = 3
SUSPENDED_S = 1.0


class RowError(msgspec.Struct):
    """What a version said of one row: 422 does not fit its columns, 500 its pipeline failed on it."""

    row: int
    status: int
    detail: str
    column: str | None = None


class BatchAnswer(msgspec.Struct):
    """The answer of a version to one batch; the predictions stay raw JSON."""

    predictions: list[msgspec.Raw]
    errors: list[RowError] = []
    classes: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Predicted:
    """One caller's part of a batch: a raw prediction a row (null at a bad row), and the bad rows by their place."""

    predictions: list[msgspec.Raw]
    errors: list[RowError]
    classes: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. reason: connect, closed, timeout, garbled, http_5xx, refused, shed, suspended or deadline."""

    reason: str
    detail: str


@dataclass(slots=True)
class Pending(ABC):
    """Rows of one caller that wait for a version, which tells it the outcome by one call of `done`."""

    rows: list[msgspec.Raw]
    deadline: float
    retried: bool = field(default=False, init=False)
    alone: bool = field(default=False, init=False)

    @abstractmethod
    def done(self, outcome: Predicted | Lost) -> None:
        """What came of it."""


class Lane:
    """The queue of one version and its batches in flight. Belongs to one event loop."""

    def __init__(
        self, version: str, pool: Pool, limits: Limits, counts: Counts, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.version, self.pool, self.limits, self.counts, self.loop = version, pool, limits, counts, loop
        self.queue: deque[Pending] = deque()
        self.queued_rows = 0
        self.batches_in_flight = 0
        self.rows_in_flight = 0
        self._decode = msgspec.json.Decoder(BatchAnswer).decode
        self._scheduled = False
        self._failures = 0
        self._suspended_until = 0.0

    def submit(self, pending: Pending) -> Lost | None:
        """Queue rows; a Lost comes back at once, and `done` is never called, where the lane takes none."""
        if self.queued_rows + len(pending.rows) > self.limits.max_queue_rows and self.queue:
            return Lost("shed", f"{self.queued_rows} rows wait for {self.version} already")
        if self._suspended_until > self.loop.time():
            return Lost("suspended", f"{self.version} failed {TRIES_IN_A_ROW} times in a row and rests for a moment")
        self.queue.append(pending)
        self.queued_rows += len(pending.rows)
        if not self._scheduled and self._may_send():
            self._scheduled = True
            self.loop.call_soon(self._pump)
        return None

    def _may_send(self) -> bool:
        """Whether the next batch may leave: beside others only when it is worth it, and not beyond the limit."""
        if self.batches_in_flight == 0:
            return True
        return self.queued_rows >= ROWS_BESIDE_ANOTHER and self.batches_in_flight < self.limits.max_batches_in_flight

    def expire(self, now: float) -> None:
        """Tell callers whose deadline has passed while they waited."""
        if not any(pending.deadline <= now for pending in self.queue):
            return
        late = [pending for pending in self.queue if pending.deadline <= now]
        self.queue = deque(pending for pending in self.queue if pending.deadline > now)
        self.queued_rows = sum(len(pending.rows) for pending in self.queue)
        for pending in late:
            pending.done(Lost("deadline", f"the deadline passed in the queue of {self.version}"))

    def close(self) -> None:
        """The version is gone from the table: what waits is told, what is under way finishes."""
        waiting, self.queue, self.queued_rows = list(self.queue), deque(), 0
        self.pool.close()
        for pending in waiting:
            pending.done(Lost("closed", f"{self.version} is no longer deployed"))

    def move(self, pool: Pool) -> None:
        """The version answers at another address from the next batch on."""
        self.pool.close()
        self.pool = pool
        self._suspended_until, self._failures = 0.0, 0

    def _pump(self) -> None:
        self._scheduled = False
        while self.queue and self._may_send():
            self._send(self._take())

    def _take(self) -> list[Pending]:
        batch = [self.queue.popleft()]
        rows = len(batch[0].rows)
        most = 0 if batch[0].alone else self.limits.max_batch_rows
        while self.queue and rows + len(self.queue[0].rows) <= most and not self.queue[0].alone:
            pending = self.queue.popleft()
            rows += len(pending.rows)
            batch.append(pending)
        self.queued_rows -= rows
        return batch

    def _send(self, batch: list[Pending]) -> None:
        rows = [row for pending in batch for row in pending.rows]
        count = len(rows)
        self.batches_in_flight += 1
        self.rows_in_flight += count
        self._observe(count)
        body = b'{"instances":[' + b",".join(rows) + b"]}"
        latest = max(pending.deadline for pending in batch) - self.loop.time()
        timeout_s = max(0.001, min(self.limits.version_timeout_ms / 1000, latest))
        self.pool.predict(body, lambda outcome: self._arrived(batch, count, outcome), timeout_s)

    def _observe(self, rows: int) -> None:
        self.counts.add(("batch_rows", self.version, str((rows - 1).bit_length())))
        self.counts.add(("batch_rows_sum", self.version), rows)

    def _arrived(self, batch: list[Pending], rows: int, outcome: Answer | Failure) -> None:
        self.batches_in_flight -= 1
        self.rows_in_flight -= rows
        if isinstance(outcome, Failure):
            self._failed(batch, outcome)
        else:
            self._answered(batch, rows, outcome)
        if self.queue:
            self._pump()

    def _answered(self, batch: list[Pending], rows: int, answer: Answer) -> None:
        lost = _unusable(answer)
        if lost is not None and lost.reason == "refused":
            self._refused(batch, lost)
            return
        if lost is None:
            try:
                decoded = self._decode(answer.body)
            except msgspec.DecodeError as error:
                lost = Lost("garbled", f"{self.version} answered what is not a batch: {error}")
            else:
                if len(decoded.predictions) != rows:
                    lost = Lost("garbled", f"{self.version} answered {len(decoded.predictions)} of {rows} rows")
        if lost is not None:
            self._trip()
            _tell(batch, lost)
            return
        self._failures = 0
        _hand_out(batch, decoded)

    def _failed(self, batch: list[Pending], failure: Failure) -> None:
        if failure.reason in ("closed", "connect"):
            again = [pending for pending in batch if not pending.retried]
            batch = [pending for pending in batch if pending.retried]
            self._retry(again)
        else:
            self._trip()
        if batch:
            if failure.reason in ("closed", "connect"):
                self._trip()
            _tell(batch, Lost(failure.reason, f"{self.version}: {failure.detail}"))

    def _refused(self, batch: list[Pending], lost: Lost) -> None:
        """One caller's rows made the batch unreadable: ask for each caller alone, so that only that one is hurt."""
        if len(batch) == 1:
            _tell(batch, lost)
            return
        for pending in reversed(batch):
            pending.alone = True
            self.queue.appendleft(pending)
            self.queued_rows += len(pending.rows)

    def _retry(self, again: list[Pending]) -> None:
        """A process that was restarted closes what it had kept: ask the one that follows, once."""
        for pending in reversed(again):
            pending.retried = True
            self.queue.appendleft(pending)
            self.queued_rows += len(pending.rows)

    def _trip(self) -> None:
        self._failures += 1
        if self._failures >= TRIES_IN_A_ROW:
            self._suspended_until = self.loop.time() + SUSPENDED_S
            self._failures = TRIES_IN_A_ROW - 1


def _unusable(answer: Answer) -> Lost | None:
    if answer.status == 200:
        return None
    reason = "http_5xx" if answer.status >= 500 else "refused" if answer.status in (400, 413) else "garbled"
    return Lost(reason, f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")


def _tell(batch: list[Pending], lost: Lost) -> None:
    for pending in batch:
        pending.done(lost)


def _hand_out(batch: list[Pending], answer: BatchAnswer) -> None:
    start = 0
    classes = bytes(answer.classes)
    predictions = answer.predictions
    for pending in batch:
        end = start + len(pending.rows)
        errors = _errors_between(answer.errors, start, end) if answer.errors else []
        pending.done(Predicted(predictions[start:end], errors, classes))
        start = end


def _errors_between(errors: list[RowError], start: int, end: int) -> list[RowError]:
    return [msgspec.structs.replace(error, row=error.row - start) for error in errors if start <= error.row < end]
