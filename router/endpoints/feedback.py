"""POST /feedback: late labels for predictions that were made here, each counted once for the
version that predicted.

Labels come from anybody, so a call costs what its bytes cost and holds nobody up: it is read and
stored beside the event loop, some labels at a time, and small calls do not wait behind large
ones."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from rollout.settings import Settings
from router.endpoints.label_queue import SMALL_BYTES, LabelQueue, no_room
from router.evidence.labels import (
    MOST_LABELS,
    Known,
    Read,
    entries_of,
    in_parts,
    loss_level,
    of_a_shadow,
)
from router.evidence.worker_metrics import Key, WorkerMetrics
from router.problems import Problem, Receive, Scope, Send, answer, answer_options, not_allowed
from router.requests.body import SentBody, sent_body
from store.errors import StoreError
from store.feedback import Feedback as Row
from store.feedback import FeedbackStore
from store.shadow_answers import ShadowAnswer, ShadowAnswerStore

INVALID_LISTED = 100
"""Entries that could not be counted and are described; of more the answer says how many."""

log = logging.getLogger("sluice.router")


@dataclass
class LabelOutcome:
    """What became of the labels of one call. invalid: the first that could not be counted;
    metrics: how often each count grows by it.
    """

    counted: int = 0
    duplicates: int = 0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    invalid_not_listed: int = 0
    metrics: Counter[Key] = field(default_factory=Counter)

    def add(self, found: Read, fresh: Sequence[bool]) -> None:
        """Add some labels. fresh: of each row, whether it was not counted before."""
        for row, new in zip(found.rows, fresh, strict=True):
            self.metrics["feedback", row.version, row.outcome if new else "duplicate"] += 1

        self.counted += sum(fresh)
        self.duplicates += len(fresh) - sum(fresh)
        room = INVALID_LISTED - len(self.invalid)
        self.invalid += found.invalid[:room]
        self.invalid_not_listed += len(found.invalid[room:])
        self.metrics["feedback", "", "invalid"] += len(found.invalid)

    def body(self) -> bytes:
        """The answer."""
        said: dict[str, Any] = {
            "counted": self.counted,
            "duplicates": self.duplicates,
            "invalid": self.invalid,
        }
        if self.invalid_not_listed:
            said["invalid_not_listed"] = self.invalid_not_listed
        return msgspec.json.encode(said)


class FeedbackEndpoint:
    """The endpoint. Belongs to one worker. kept: the rollouts whose labels are never let go of."""

    def __init__(
        self,
        store: FeedbackStore,
        copies: ShadowAnswerStore,
        counts: WorkerMetrics,
        key: bytes,
        settings: Settings,
        known: Known,
        kept: Callable[[], frozenset[int]],
        leaving: Callable[[], bool],
    ) -> None:
        self.store, self.copies, self.counts, self.key, self.leaving = (
            store,
            copies,
            counts,
            key,
            leaving,
        )
        limits = settings.router.limits
        self.limit = min(limits.max_feedback_bytes, limits.max_body_bytes)
        self.most_labels = max(MOST_LABELS, limits.max_rows)
        self.known, self.kept = known, kept
        self.queue = LabelQueue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `{"counted", "duplicates", "invalid"}`, of many invalid ones the first."""
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        try:
            if scope["method"] != "POST":
                raise not_allowed("labels are sent with POST", "POST")
            async with sent_body(scope, receive, self.limit) as sent:
                outcome = await self._count(await self._unpacked(sent))
        except Problem as problem:
            await answer(send, problem.status, problem.headers(), problem.body())
            return

        headers = [(b"content-type", b"application/json")]
        if self.leaving():
            headers.append((b"connection", b"close"))

        await answer(send, 200, headers, outcome)

    async def _unpacked(self, sent: SentBody) -> bytes:
        """The body; where a large call would find no place, none is unpacked only to be told so."""
        if self.queue.takes_largest or not sent.encoding:
            return await sent.unpacked()

        try:
            return await sent.unpacked(SMALL_BYTES)
        except Problem as problem:
            raise (no_room() if problem.status == 413 else problem) from None

    async def _count(self, body: bytes) -> bytes:
        outcome = LabelOutcome()
        with self.queue.place(body) as small:
            parts = self._parts(body, outcome)
            try:
                while await self.queue.run(partial(next, parts, False), small):
                    pass
            finally:
                for key, times in outcome.metrics.items():
                    if times:
                        self.counts.add(key, times)

        return outcome.body()

    def _parts(self, body: bytes, outcome: LabelOutcome) -> Iterator[bool]:
        """Count the labels of a body into `outcome`, some at each step. Raises Problem.

        Where the record fails on the way, those before are counted: sent again they are duplicates.
        """
        for found in in_parts(
            entries_of(body), self.key, datetime.now(UTC), self.known, self.most_labels
        ):
            outcome.add(found, self.add(found.rows))
            yield True

    def add(self, rows: list[Row]) -> list[bool]:
        """Count labels, each beside what a shadow answered; False for one counted before. Raises
        Problem.
        """
        try:
            return self.store.add(self._paired(rows), self.kept())
        except StoreError as error:
            # Its words name the database, which is for the operator.
            log.warning("labels were not counted: %s", error)
            raise Problem(
                503, "the labels were not counted, the record is away: send them again", 5
            ) from error

    def _paired(self, rows: list[Row]) -> list[Row]:
        """The rows, with the loss of what a shadow answered to the same request where that was
        kept.
        """
        beside = self.copies.of([row.prediction_id for row in rows if of_a_shadow(row)])
        return [self._beside(row, beside.get(row.prediction_id)) for row in rows]

    def _beside(self, row: Row, copied: ShadowAnswer | None) -> Row:
        if copied is None:
            return row

        answers = self.known.answers(row.version)
        loss = self.known.loss(row.rollout)
        return replace(
            row, copied=loss_level(loss, copied.predicted_class, copied.score, row.label, answers)
        )
