"""The queue of one version: requests that arrive while batches are in flight form the next batch.

There is no timer, so an idle version gets a request at once. Each queue is limited in rows and in
time, and each request has a deadline. A lane never has rows of another version. A large request is
sent in chunks, together with small ones.

A version whose process died is restarted within seconds. Where it has no fallback, its rows stay in
the queue until then, within its limits and their deadlines. After an outage that is longer than a
deadline, requests fail at once."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any

import msgspec

from rollout.settings import Limits
from router.dispatch.batch_sizer import BatchSizer
from router.dispatch.upstream import Answer, Failure, Pool
from router.dispatch.work_items import (
    BatchAnswer,
    Chunk,
    DispatchError,
    LargeRequest,
    Pending,
    Predicted,
    RowError,
    moved,
    rows_of_outputs,
)
from router.evidence.worker_metrics import WorkerMetrics

log = logging.getLogger("sluice.lane")
# A batch has a fixed cost, so that two small ones at once are slower than one after the other.
ROWS_BESIDE_ANOTHER = 16
TRIES_IN_A_ROW = 3
SUSPENDED_S = 1.0
# How often a version that is restarting is tried again.
RESTARTED_S = 0.05
# A process may have died because of its rows: they are sent so many times.
LOSSES, LOSSES_IN_OUTAGE = 2, 3
# A request is large if it has more rows than this part of a batch, or more bytes than PART_BYTES.
# While small ones arrive, large ones have this part of a batch.
PARTS = 4
PART_BYTES = 64 * 1024
"""Bytes of large requests in one batch while small ones arrive."""
BATCH_BYTES = 256 * 1024
"""Bytes in one batch at most; a single row may be larger."""
SMALL_COME_S = 0.1
# A version may become slower by this factor: a request that is queued should be answered in time.
UNSURE = 1.5


class Lane:
    """The queue of one version and its batches in flight. Belongs to one event loop.

    queue: small requests, in order of arrival. large: large ones, which take turns chunk by chunk.
    queued_rows: of both. waits: whether requests wait for a restart, since there is no fallback.
    on_outage: called while the version cannot be reached. spans: a RequestSpans, None where there
    are no spans."""

    def __init__(
        self,
        version: str,
        pool: Pool,
        limits: Limits,
        counts: WorkerMetrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.version, self.pool, self.limits, self.counts, self.loop = (
            version,
            pool,
            limits,
            counts,
            loop,
        )
        self.batch_sizer = BatchSizer(limits)
        self.queue: deque[Pending] = deque()
        self.large: deque[LargeRequest] = deque()
        self.queued_rows = 0
        self.large_rows = 0
        self.batches_in_flight = 0
        self.rows_in_flight = 0
        self._decode = msgspec.json.Decoder(BatchAnswer).decode
        self._batches: dict[int, list[Pending]] = {}
        self._last_small_at = float("-inf")
        self._scheduled = False
        self._failures = 0
        self._suspended_until = 0.0
        self.waits = False
        self.on_outage: Callable[[], None] = _nothing
        self._outage_since: float | None = None
        self._paused = False
        self.spans: Any = None

    def submit(self, pending: Pending) -> DispatchError | None:
        """Queue rows.

        Returns an error, and never calls `done`, where the lane does not take them."""
        now, count = self.loop.time(), len(pending.rows)
        if self.queued_rows:
            full = self._full(pending, count, now)
            if full is not None:
                return full

        if self._suspended_until > now:
            return DispatchError(
                "suspended",
                f"{self.version} failed {TRIES_IN_A_ROW} times in a row: "
                f"circuit open for {SUSPENDED_S:g} s",
            )

        if self._is_large(pending):
            self.large.append(LargeRequest(pending))
            self.large_rows += count
        else:
            self.queue.append(pending)
            self._last_small_at = now

        self.queued_rows += count
        if not self._scheduled and self._may_send():
            self._scheduled = True
            self.loop.call_soon(self._pump)

        return None

    def _full(self, pending: Pending, count: int, now: float) -> DispatchError | None:
        """The error if the queue is full, or too long for the request's deadline."""
        sizer = self.batch_sizer
        # Small requests go before large ones, so these do not count.
        ahead = self.queued_rows
        if not self._is_large(pending):
            ahead -= self.large_rows

        if ahead + count > self.limits.max_queue_rows or ahead >= sizer.waiting_rows:
            return DispatchError("shed", f"{self.queued_rows} rows wait for {self.version} already")

        rows_before = ahead + self.rows_in_flight + sizer.batch_rows
        if rows_before * sizer.row_s * UNSURE > pending.deadline - now:
            return DispatchError(
                "shed", f"the queue of {self.version} takes longer than the deadline"
            )

        return None

    def _is_large(self, pending: Pending) -> bool:
        """Whether the request is sent in chunks."""
        count = len(pending.rows)
        return (
            count > 1 and count * PARTS > self.batch_sizer.batch_rows
        ) or pending.size > PART_BYTES

    def _may_send(self) -> bool:
        """Whether the next batch may be sent.

        One to each process at once; beside another in the same process only if large enough, up to
        the limit."""
        if self._paused:
            return False
        if self.batches_in_flight == 0:
            return True

        processes = self.pool.processes.count
        if self.batches_in_flight < processes:
            return True

        most = self.limits.max_batches_in_flight * processes
        return self.queued_rows >= ROWS_BESIDE_ANOTHER and self.batches_in_flight < most

    def expire(self, now: float) -> None:
        """Fail the requests, queued or in flight, whose deadline has passed. now: loop time."""
        waiting = [pending for pending in self.queue if pending.deadline <= now]
        large = [request for request in self.large if request.pending.deadline <= now]
        if waiting or large:
            self.queue = deque(pending for pending in self.queue if pending.deadline > now)
            self.large = deque(request for request in self.large if request.pending.deadline > now)
            self.large_rows = sum(request.rest for request in self.large)
            self.queued_rows = sum(len(pending.rows) for pending in self.queue) + self.large_rows

        sent = []
        for pending in chain.from_iterable(self._batches.values()):
            if pending.deadline <= now and not pending.over:
                pending.over = True
                sent.append(pending)

        error = DispatchError("deadline", f"{self.version} did not answer before the deadline")
        for pending in (*waiting, *sent):
            pending.done(error)

        for request in large:
            request.end(error)

    def close(self) -> None:
        """Fail what is queued, and let batches in flight finish: the version is gone."""
        waiting, self.queue, self.queued_rows = list(self.queue), deque(), 0
        large, self.large, self.large_rows = list(self.large), deque(), 0
        self.pool.close()
        gone = DispatchError("closed", f"{self.version} is no longer deployed")
        for pending in waiting:
            pending.done(gone)

        for request in large:
            request.end(gone)

    def move(self, pool: Pool) -> None:
        """Send the next batches to another address of the version."""
        self.pool.close()
        self.pool = pool
        self.batch_sizer = BatchSizer(self.limits)
        self._suspended_until, self._failures, self._outage_since = 0.0, 0, None

    def _pump(self) -> None:
        self._scheduled = False
        while self.queued_rows and self._may_send():
            batch = self._take()
            if batch:
                self._send(batch)

    def _take(self) -> list[Pending]:
        """The next batch: small requests, then a chunk of a large one, which has its share."""
        queue, most = self.queue, self.batch_sizer.batch_rows
        if queue and queue[0].alone:
            alone = queue.popleft()
            self.queued_rows -= len(alone.rows)
            return [alone]

        batch: list[Pending] = []
        rows = size = 0
        room = most - most // PARTS if self.large else most
        while queue and not queue[0].alone and (not batch or rows + len(queue[0].rows) <= room):
            size += queue[0].size
            if batch and size > BATCH_BYTES:
                break

            pending = queue.popleft()
            rows += len(pending.rows)
            batch.append(pending)

        self.queued_rows -= rows
        if self.large and rows < most and size <= BATCH_BYTES:
            chunk = self._next_chunk(most, most - rows)
            if chunk is not None:
                batch.append(chunk)

        return batch

    def _next_chunk(self, most: int, room: int) -> Chunk | None:
        """The next rows of a large request; few while small ones arrive, which would wait.

        most: rows in a batch. room: rows left in this one."""
        request = self.large.popleft()
        if request.over:
            self.large_rows -= request.rest
            self.queued_rows -= request.rest
            return None

        if self.loop.time() - self._last_small_at < SMALL_COME_S:
            chunk = request.next_chunk(max(1, min(room, most // PARTS)), PART_BYTES)
        else:
            chunk = request.next_chunk(room, BATCH_BYTES)

        self.large_rows -= len(chunk.rows)
        self.queued_rows -= len(chunk.rows)
        if request.rest:
            self.large.append(request)

        return chunk

    def _send(self, batch: list[Pending]) -> None:
        rows = [row for pending in batch for row in pending.rows]
        count, now = len(rows), self.loop.time()
        self.batches_in_flight += 1
        self.rows_in_flight += count
        self._batches[id(batch)] = batch
        self._observe(count)
        body = b'{"instances":[' + b",".join(rows) + b"]}"
        # Not the callers' deadlines, which `expire` handles: to miss a short one is no failure of
        # the version.
        timeout_s = self.limits.version_timeout_ms / 1000

        def arrived(outcome: Answer | Failure) -> None:
            self._arrived(batch, count, now, outcome)

        if self.spans is None:
            self.pool.predict(body, arrived, timeout_s)
            return

        headers, ended = self.spans.batch(self.version, batch, arrived)
        self.pool.predict(body, ended, timeout_s, headers)

    def _observe(self, rows: int) -> None:
        self.counts.add(("batch_rows", self.version, str((rows - 1).bit_length())))
        self.counts.add(("batch_rows_sum", self.version), rows)

    def _arrived(
        self, batch: list[Pending], rows: int, sent: float, outcome: Answer | Failure
    ) -> None:
        if _took_its_time(outcome):
            self.batch_sizer.note(rows, self.rows_in_flight, self.loop.time() - sent)

        self.batches_in_flight -= 1
        self.rows_in_flight -= rows
        del self._batches[id(batch)]
        if isinstance(outcome, Failure):
            self._failed(batch, outcome)
        else:
            self._answered(batch, rows, outcome)

        if self.queued_rows:
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
                lost = DispatchError(
                    "garbled", f"{self.version} answered what is not a batch: {error}"
                )
            else:
                if decoded.rows != rows:
                    lost = DispatchError(
                        "garbled",
                        f"{self.version} answered {len(decoded.predictions)} of {rows} rows",
                    )

        if lost is not None:
            self._trip()
            _fail(batch, lost)
            return

        self._failures = 0
        self.reached()
        if len(batch) > 1 and not all(error.attributed for error in decoded.errors):
            batch, decoded = self._ask_alone_where_unattributed(batch, decoded)

        _distribute(batch, decoded)

    def _failed(self, batch: list[Pending], failure: Failure) -> None:
        if failure.reason in ("closed", "connect"):
            batch = self._requeue(batch, failure)
            if not batch:
                return

        self._trip()
        _fail(batch, DispatchError(failure.reason, f"{self.version}: {failure.detail}"))

    def _ask_alone_where_unattributed(
        self, batch: list[Pending], answer: BatchAnswer
    ) -> tuple[list[Pending], BatchAnswer]:
        """Requeue the requests whose bad rows are not known, each for a batch of its own.

        Returns the other requests with their part of the answer."""
        unknown = {error.row for error in answer.errors if not error.attributed}
        kept: list[Pending] = []
        again: list[Pending] = []
        predictions: list[msgspec.Raw] = []
        outputs: dict[str, list[msgspec.Raw]] = {name: [] for name in answer.outputs}
        errors: list[RowError] = []
        by_row = {error.row: error for error in answer.errors}
        start = 0
        for pending in batch:
            rows = range(start, start + len(pending.rows))
            start = rows.stop
            if not unknown.isdisjoint(rows):
                again.append(pending)
                continue

            shift = len(predictions) - rows.start
            errors += [moved(by_row[row], shift) for row in rows if row in by_row]
            predictions += answer.predictions[rows.start : rows.stop]
            for name, values in answer.outputs.items():
                outputs[name] += values[rows.start : rows.stop]

            kept.append(pending)

        self._queue_alone(again)
        part = msgspec.structs.replace(
            answer, predictions=predictions, outputs=outputs, errors=errors
        )
        return kept, part

    def _refused(self, batch: list[Pending], lost: DispatchError) -> None:
        """Requeue each request of a refused batch alone: only one of them may be at fault."""
        if len(batch) == 1:
            _fail(batch, lost)
            return

        self._queue_alone(batch)

    def _queue_alone(self, batch: list[Pending]) -> None:
        for pending in reversed(_not_over(batch)):
            pending.alone = True
            self.queue.appendleft(pending)
            self.queued_rows += len(pending.rows)

    def _requeue(self, batch: list[Pending], failure: Failure) -> list[Pending]:
        """Queue a batch again after its process died. Returns the requests with no attempts left.

        A request that was lost twice goes in a batch of its own: it may have been the cause."""
        waits = self.waits_for_restart()
        most = LOSSES_IN_OUTAGE if waits else LOSSES
        lost = []
        for pending in reversed(_not_over(batch)):
            if not (waits and failure.reason == "connect"):
                pending.losses += 1

            if pending.losses >= most:
                lost.append(pending)
                continue

            pending.alone = pending.alone or pending.losses > 1
            self.queue.appendleft(pending)
            self.queued_rows += len(pending.rows)

        if waits and failure.reason == "connect":
            self.on_outage()
            self._pause()

        return lost[::-1]

    def reached(self) -> None:
        """Note that the version answered, so that there is no outage."""
        self._outage_since = None

    def waits_for_restart(self) -> bool:
        """Whether undelivered requests wait: for one deadline from the beginning of an outage."""
        if not self.waits:
            return False

        now = self.loop.time()
        if self._outage_since is None:
            self._outage_since = now

        return now - self._outage_since < self.limits.deadline_ms / 1000

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.loop.call_later(RESTARTED_S, self._resume)

    def _resume(self) -> None:
        self._paused = False
        self._pump()

    def _trip(self) -> None:
        self._failures += 1
        if self._failures >= TRIES_IN_A_ROW:
            self._suspended_until = self.loop.time() + SUSPENDED_S
            self._failures = TRIES_IN_A_ROW - 1


def _took_its_time(outcome: Answer | Failure) -> bool:
    """Whether the duration says how fast the version is."""
    if isinstance(outcome, Answer):
        return outcome.status == 200
    return outcome.reason == "timeout"


def _nothing() -> None:
    pass


def _unusable(answer: Answer) -> DispatchError | None:
    if answer.status == 200:
        return None

    if answer.status >= 500:
        reason = "http_5xx"
    elif answer.status in (400, 413):
        reason = "refused"
    else:
        reason = "garbled"

    detail = f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}"
    return DispatchError(reason, detail, answer.status)


def _not_over(batch: list[Pending]) -> list[Pending]:
    return [pending for pending in batch if not pending.over]


def _fail(batch: list[Pending], lost: DispatchError) -> None:
    for pending in batch:
        _give(pending, lost)


def _distribute(batch: list[Pending], answer: BatchAnswer) -> None:
    start = taken = 0
    classes, targets = bytes(answer.classes), bytes(answer.targets)
    predictions, errors = answer.predictions, sorted(answer.errors, key=lambda error: error.row)
    for pending in batch:
        end = start + len(pending.rows)
        own: list[RowError] = []
        while taken < len(errors) and errors[taken].row < end:
            own.append(moved(errors[taken], -start) if start else errors[taken])
            taken += 1

        outputs = rows_of_outputs(answer.outputs, slice(start, end))
        _give(pending, Predicted(predictions[start:end], own, classes, targets, outputs))
        start = end


def _give(pending: Pending, outcome: Predicted | DispatchError) -> None:
    """Give a request its outcome. Raises nothing: others share the batch."""
    try:
        if pending.over:
            pending.late(outcome)
        else:
            pending.done(outcome)
    except Exception:
        log.exception("an outcome could not be taken")
