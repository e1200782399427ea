"""One lane a version: while its batches are under way what arrives waits, then goes together.

There is no timer and no added wait when idle. Every queue has a bound, in rows and in time; every
wait has a deadline. A lane never holds another's rows, and a request of many rows goes in parts
beside those of few.

A version whose process ended is started again within seconds. Where no other version answers in its
place its rows wait for that in the queue, within the queue's bounds and their deadlines; an outage
longer than a deadline is none that ends soon, and refuses at once."""

import asyncio
from collections import deque
from collections.abc import Callable

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
)
from router.evidence.worker_metrics import WorkerMetrics

# Each batch has a fixed cost, so that two small ones at once are slower than one after the other.
ROWS_BESIDE_ANOTHER = 16
TRIES_IN_A_ROW = 3
SUSPENDED_S = 1.0
# How often it is looked whether a version that waits for its restart is back.
RESTARTED_S = 0.05
# A process may end with the rows in its hands because of them: so often they are given to the next
# one.
LOSSES, LOSSES_IN_OUTAGE = 2, 3
# A request of more rows than this part of a batch is large, or of more bytes than PART_BYTES; so
# much of a batch is its own where small ones come.
PARTS = 4
PART_BYTES = 64 * 1024
"""At most so much of large requests goes in one batch while small ones come."""
BATCH_BYTES = 512 * 1024
"""At most so much goes in one batch: a version reads no more at a time, whatever its rows are."""
SMALL_COME_S = 0.1
# A version may be so much slower than it was: what is let in is to be answered in time, else its
# work is lost.
UNSURE = 1.5


class Lane:
    """The queue of one version and its batches in flight. Belongs to one event loop.

    queue: requests of few rows, first come first served; large: those of many, which take turns, a
    part at a time; queued_rows: of both; waits: nobody answers in this version's place; on_outage:
    called while it cannot be reached."""

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
        self.pace = BatchSizer(limits)
        self.queue: deque[Pending] = deque()
        self.large: deque[LargeRequest] = deque()
        self.queued_rows = 0
        self.large_rows = 0
        self.batches_in_flight = 0
        self.rows_in_flight = 0
        self._decode = msgspec.json.Decoder(BatchAnswer).decode
        self._under_way: dict[int, list[Pending]] = {}
        self._small_at = float("-inf")
        self._scheduled = False
        self._failures = 0
        self._suspended_until = 0.0
        self.waits = False
        self.on_outage: Callable[[], None] = _nothing
        self._outage_since: float | None = None
        self._paused = False

    def submit(self, pending: Pending) -> DispatchError | None:
        """Queue rows; a Lost comes back at once, and `done` is never called, where the lane takes
        none.
        """
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
            self._small_at = now

        self.queued_rows += count
        if not self._scheduled and self._may_send():
            self._scheduled = True
            self.loop.call_soon(self._pump)

        return None

    def _full(self, pending: Pending, count: int, now: float) -> DispatchError | None:
        """Why there is no room: too many rows wait, or those that go first leave it too little
        time.
        """
        pace = self.pace
        # Small requests go before large ones, and do not wait for the room that these take.
        ahead = self.queued_rows
        if not self._is_large(pending):
            ahead -= self.large_rows
        if ahead + count > self.limits.max_queue_rows or ahead >= pace.waiting_rows:
            return DispatchError("shed", f"{self.queued_rows} rows wait for {self.version} already")

        if (
            ahead + self.rows_in_flight + pace.batch_rows
        ) * pace.row_s * UNSURE > pending.deadline - now:
            return DispatchError(
                "shed", f"what waits for {self.version} already needs longer than the deadline"
            )

        return None

    def _is_large(self, pending: Pending) -> bool:
        """Whether it goes in parts, or by itself, beside small ones."""
        count = len(pending.rows)
        return (count > 1 and count * PARTS > self.pace.batch_rows) or pending.size > PART_BYTES

    def _may_send(self) -> bool:
        """Whether the next batch may leave: beside others only when it is worth it, and not beyond
        the limit.
        """
        if self._paused:
            return False
        if self.batches_in_flight == 0:
            return True

        return (
            self.queued_rows >= ROWS_BESIDE_ANOTHER
            and self.batches_in_flight < self.limits.max_batches_in_flight
        )

    def expire(self, now: float) -> None:
        """Tell callers whose deadline has passed while they waited, or while their batch is under
        way.
        """
        waiting = [pending for pending in self.queue if pending.deadline <= now]
        large = [whole for whole in self.large if whole.pending.deadline <= now]
        if waiting or large:
            self.queue = deque(pending for pending in self.queue if pending.deadline > now)
            self.large = deque(whole for whole in self.large if whole.pending.deadline > now)
            self.large_rows = sum(whole.rest for whole in self.large)
            self.queued_rows = sum(len(pending.rows) for pending in self.queue) + self.large_rows

        sent = [
            each
            for batch in self._under_way.values()
            for each in batch
            if each.deadline <= now and not each.over
        ]
        for pending in sent:
            pending.over = True

        for late in (*waiting, *sent):
            late.done(
                DispatchError("deadline", f"{self.version} did not answer before the deadline")
            )

        for whole in large:
            whole.end(
                DispatchError("deadline", f"{self.version} did not answer before the deadline")
            )

    def close(self) -> None:
        """The version is gone from the table: what waits is told, what is under way finishes."""
        waiting, self.queue, self.queued_rows = list(self.queue), deque(), 0
        large, self.large, self.large_rows = list(self.large), deque(), 0
        self.pool.close()
        gone = DispatchError("closed", f"{self.version} is no longer deployed")
        for pending in waiting:
            pending.done(gone)

        for whole in large:
            whole.end(gone)

    def move(self, pool: Pool) -> None:
        """The version answers at another address from the next batch on."""
        self.pool.close()
        self.pool = pool
        self.pace = BatchSizer(self.limits)
        self._suspended_until, self._failures, self._outage_since = 0.0, 0, None

    def _pump(self) -> None:
        self._scheduled = False
        while self.queued_rows and self._may_send():
            batch = self._take()
            if batch:
                self._send(batch)

    def _take(self) -> list[Pending]:
        """The next batch: small requests first, then the next rows of a large one, which have a
        share in any case.
        """
        queue, most = self.queue, self.pace.batch_rows
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
            part = self._part(most, most - rows)
            if part is not None:
                batch.append(part)

        return batch

    def _part(self, most: int, room: int) -> Chunk | None:
        """The next rows of the large request whose turn it is; few where small ones come, which
        would wait for them.
        """
        whole = self.large.popleft()
        if whole.over:
            self.large_rows -= whole.rest
            self.queued_rows -= whole.rest
            return None

        small = self.loop.time() - self._small_at < SMALL_COME_S
        if small:
            part = whole.part(max(1, min(room, most // PARTS)), PART_BYTES)
        else:
            part = whole.part(room, BATCH_BYTES)
        self.large_rows -= len(part.rows)
        self.queued_rows -= len(part.rows)
        if whole.rest:
            self.large.append(whole)

        return part

    def _send(self, batch: list[Pending]) -> None:
        rows = [row for pending in batch for row in pending.rows]
        count, now = len(rows), self.loop.time()
        self.batches_in_flight += 1
        self.rows_in_flight += count
        self._under_way[id(batch)] = batch
        self._observe(count)
        body = b'{"instances":[' + b",".join(rows) + b"]}"
        # Not the callers' deadlines, which `expire` keeps: a short one is no failure of the
        # version.
        timeout_s = self.limits.version_timeout_ms / 1000
        self.pool.predict(
            body, lambda outcome: self._arrived(batch, count, now, outcome), timeout_s
        )

    def _observe(self, rows: int) -> None:
        self.counts.add(("batch_rows", self.version, str((rows - 1).bit_length())))
        self.counts.add(("batch_rows_sum", self.version), rows)

    def _arrived(
        self, batch: list[Pending], rows: int, sent: float, outcome: Answer | Failure
    ) -> None:
        if outcome.status == 200 if isinstance(outcome, Answer) else outcome.reason == "timeout":
            self.pace.note(rows, self.rows_in_flight, self.loop.time() - sent)

        self.batches_in_flight -= 1
        self.rows_in_flight -= rows
        del self._under_way[id(batch)]
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
                if len(decoded.predictions) != rows:
                    lost = DispatchError(
                        "garbled",
                        f"{self.version} answered {len(decoded.predictions)} of {rows} rows",
                    )

        if lost is not None:
            self._trip()
            _tell(batch, lost)
            return

        self._failures = 0
        self.reached()
        if len(batch) > 1 and not all(error.attributed for error in decoded.errors):
            batch, decoded = self._ask_alone_where_unattributed(batch, decoded)

        _hand_out(batch, decoded)

    def _failed(self, batch: list[Pending], failure: Failure) -> None:
        if failure.reason in ("closed", "connect"):
            batch = self._ask_again(batch, failure)
            if not batch:
                return

        self._trip()
        _tell(batch, DispatchError(failure.reason, f"{self.version}: {failure.detail}"))

    def _ask_alone_where_unattributed(
        self, batch: list[Pending], answer: BatchAnswer
    ) -> tuple[list[Pending], BatchAnswer]:
        """Some rows failed together and it is not known which: ask for their callers alone, the
        others are answered.
        """
        unknown = {error.row for error in answer.errors if not error.attributed}
        kept: list[Pending] = []
        again: list[Pending] = []
        predictions: list[msgspec.Raw] = []
        errors: list[RowError] = []
        by_row = {error.row: error for error in answer.errors}
        start = 0
        for pending in batch:
            places = range(start, start + len(pending.rows))
            start = places.stop
            if not unknown.isdisjoint(places):
                again.append(pending)
                continue
            shift = len(predictions) - places.start
            errors += [
                msgspec.structs.replace(by_row[i], row=i + shift) for i in places if i in by_row
            ]
            predictions += answer.predictions[places.start : places.stop]
            kept.append(pending)

        self._queue_alone(again)
        return kept, msgspec.structs.replace(answer, predictions=predictions, errors=errors)

    def _refused(self, batch: list[Pending], lost: DispatchError) -> None:
        """One caller's rows made the batch unreadable: ask for each caller alone, so that only that
        one is hurt.
        """
        if len(batch) == 1:
            _tell(batch, lost)
            return
        self._queue_alone(batch)

    def _queue_alone(self, batch: list[Pending]) -> None:
        for pending in [each for each in reversed(batch) if not each.over]:
            pending.alone = True
            self.queue.appendleft(pending)
            self.queued_rows += len(pending.rows)

    def _ask_again(self, batch: list[Pending], failure: Failure) -> list[Pending]:
        """A restarted process closes what it had kept: ask the one that follows. Returns who has no
        more tries.

        What a process was lost with for the second time goes alone, so that it takes nobody with
        it."""
        waits = self.waits_for_restart()
        most = LOSSES_IN_OUTAGE if waits else LOSSES
        lost = []
        for pending in reversed([each for each in batch if not each.over]):
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
        """The version answered: no outage is under way."""
        self._outage_since = None

    def waits_for_restart(self) -> bool:
        """Whether what could not be delivered waits: for no longer than a deadline since the outage
        began.
        """
        if not self.waits:
            return False

        now = self.loop.time()
        if self._outage_since is None:
            self._outage_since = now

        return now - self._outage_since < self.limits.deadline_ms / 1000

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.loop.call_later(RESTARTED_S, self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        self._pump()

    def _trip(self) -> None:
        self._failures += 1
        if self._failures >= TRIES_IN_A_ROW:
            self._suspended_until = self.loop.time() + SUSPENDED_S
            self._failures = TRIES_IN_A_ROW - 1


def _nothing() -> None:
    pass


def _unusable(answer: Answer) -> DispatchError | None:
    if answer.status == 200:
        return None

    reason = (
        "http_5xx"
        if answer.status >= 500
        else "refused"
        if answer.status in (400, 413)
        else "garbled"
    )
    return DispatchError(
        reason, f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}"
    )


def _tell(batch: list[Pending], lost: DispatchError) -> None:
    for pending in batch:
        (pending.late if pending.over else pending.done)(lost)


def _hand_out(batch: list[Pending], answer: BatchAnswer) -> None:
    start = taken = 0
    classes = bytes(answer.classes)
    predictions, errors = answer.predictions, sorted(answer.errors, key=lambda error: error.row)
    for pending in batch:
        end = start + len(pending.rows)
        own: list[RowError] = []
        while taken < len(errors) and errors[taken].row < end:
            own.append(moved(errors[taken], -start) if start else errors[taken])
            taken += 1
        told = pending.late if pending.over else pending.done
        told(Predicted(predictions[start:end], own, classes))
        start = end
