"""POST /feedback: late labels, each counted once for the version that predicted.

Anybody can send labels, so a call must not delay others: it is read and stored in a thread, some
labels at a time, and small calls do not wait behind large ones."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from rollout.history.bins import delay_bin
from rollout.settings import Settings
from router.endpoints.label_queue import SMALL_BYTES, LabelQueue, no_room
from router.evidence.labels import (
    MOST_LABELS,
    LabelBatch,
    LabelContext,
    absolute_error,
    entries_of,
    has_other_answer,
    in_parts,
    loss_level,
)
from router.evidence.worker_metrics import Key, WorkerMetrics
from router.problems import Problem, Receive, Scope, Send, answer, answer_options, not_allowed
from router.requests.body import SentBody, sent_body
from store.errors import StoreError
from store.feedback import Feedback as Row
from store.feedback import FeedbackStore
from store.shadow_answers import ShadowAnswer, ShadowAnswerStore

INVALID_LISTED = 100
"""Invalid labels that the answer describes; of further ones it has only the number."""

log = logging.getLogger("sluice.router")


@dataclass
class LabelOutcome:
    """The outcome of one call. invalid: the first invalid labels. metrics: counts to add;
    errors: sums of absolute errors to add."""

    counted: int = 0
    duplicates: int = 0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    invalid_not_listed: int = 0
    metrics: Counter[Key] = field(default_factory=Counter)
    errors: dict[Key, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, part: LabelBatch, fresh: Sequence[bool]) -> None:
        """Add some labels. fresh: for each row, whether it was not counted before."""
        for row, delay_s, new in zip(part.rows, part.delays, fresh, strict=True):
            outcome = row.outcome if new else "duplicate"
            self.metrics["feedback", row.version, outcome] += 1
            if new:
                self.metrics["label_delay", row.version, str(delay_bin(delay_s))] += 1
                if (error := absolute_error(row)) is not None:
                    self.metrics["label_errors", row.version] += 1
                    self.errors["label_error", row.version] += error

        self.counted += sum(fresh)
        self.duplicates += len(fresh) - sum(fresh)
        room = INVALID_LISTED - len(self.invalid)
        self.invalid += part.invalid[:room]
        self.invalid_not_listed += len(part.invalid[room:])
        self.metrics["feedback", "", "invalid"] += len(part.invalid)

    def body(self) -> bytes:
        """The answer's body."""
        body: dict[str, Any] = {
            "counted": self.counted,
            "duplicates": self.duplicates,
            "invalid": self.invalid,
        }
        if self.invalid_not_listed:
            body["invalid_not_listed"] = self.invalid_not_listed

        return msgspec.json.encode(body)


class FeedbackEndpoint:
    """The endpoint. Belongs to one worker. kept: the rollouts whose labels are not deleted."""

    def __init__(
        self,
        store: FeedbackStore,
        copies: ShadowAnswerStore,
        counts: WorkerMetrics,
        key: bytes,
        settings: Settings,
        context: LabelContext,
        kept: Callable[[], frozenset[int]],
        leaving: Callable[[], bool],
    ) -> None:
        self.store, self.copies, self.counts = store, copies, counts
        self.key, self.leaving = key, leaving
        limits = settings.router.limits
        self.limit = min(limits.max_feedback_bytes, limits.max_body_bytes)
        self.most_labels = max(MOST_LABELS, limits.max_rows)
        self.context, self.kept = context, kept
        self.queue = LabelQueue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `{"counted", "duplicates", "invalid"}`."""
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        try:
            if scope["method"] != "POST":
                raise not_allowed("labels are sent with POST", "POST")

            async with sent_body(scope, receive, self.limit) as sent:
                outcome = await self._count(await self._decompressed(sent))
        except Problem as problem:
            await answer(send, problem.status, problem.headers(), problem.body())
            return

        headers = [(b"content-type", b"application/json")]
        if self.leaving():
            headers.append((b"connection", b"close"))

        await answer(send, 200, headers, outcome)

    async def _decompressed(self, sent: SentBody) -> bytes:
        """The body. If the queue takes no large calls, only a small body is decompressed."""
        if self.queue.takes_largest or not sent.encoding:
            return await sent.decompressed()

        try:
            return await sent.decompressed(SMALL_BYTES)
        except Problem as problem:
            if problem.status == 413:
                raise no_room() from None
            raise

    async def _count(self, body: bytes) -> bytes:
        outcome = LabelOutcome()
        with self.queue.reserve(body) as small:
            parts = self._parts(body, outcome)
            try:
                while await self.queue.run(partial(next, parts, False), small):
                    pass
            finally:
                for key, amount in [*outcome.metrics.items(), *outcome.errors.items()]:
                    if amount:
                        self.counts.add(key, amount)

        return outcome.body()

    def _parts(self, body: bytes, outcome: LabelOutcome) -> Iterator[bool]:
        """Count the labels of a body into `outcome`, some at each step. Raises Problem.

        If the database fails in between, the earlier labels are counted. Sent again, they are
        duplicates."""
        entries, now = entries_of(body), datetime.now(UTC)
        for part in in_parts(entries, self.key, now, self.context, self.most_labels):
            outcome.add(part, self.add(part.rows))
            yield True

    def add(self, rows: list[Row]) -> list[bool]:
        """Store labels; returns for each whether it is new. Raises Problem 503."""
        try:
            return self.store.add(self._paired(rows), self.kept())
        except StoreError as error:
            # The error names the database, which only the operator should see.
            log.warning("labels were not counted: %s", error)
            raise Problem(
                503, "the labels were not counted, the database does not answer: send them again", 5
            ) from error

    def _paired(self, rows: list[Row]) -> list[Row]:
        """The rows, with the loss of the other version's answer to the same request where it was
        kept.
        """
        ids = [row.prediction_id for row in rows if has_other_answer(row)]
        others = self.copies.of(ids)
        return [self._paired_row(row, others.get(row.prediction_id)) for row in rows]

    def _paired_row(self, row: Row, copied: ShadowAnswer | None) -> Row:
        if copied is None:
            return row

        answers = self.context.answers(row.version)
        loss = self.context.loss(row.rollout)
        return replace(
            row, copied=loss_level(loss, copied.predicted_class, copied.score, row.label, answers)
        )
