"""POST /feedback: late labels for predictions that were made here, each counted once for the version that predicted."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from rollout.evidence import LABEL_LEVELS
from rollout.policy import Labels
from rollout.settings import Settings
from router.counts import Counts
from router.problems import Problem, Receive, Scope, Send, answer, read_body
from router.reading import label_text
from router.tokens import BadToken, Prediction, label_id, read
from store.copies import CopyStore
from store.errors import StoreError
from store.feedback import Feedback as Row
from store.feedback import FeedbackStore

MOST_LABELS = 10_000
Label = bool | int | float | str


class Labelled(msgspec.Struct, forbid_unknown_fields=True):
    """One label: a value for a prediction of one row, a list of them for one of several rows."""

    prediction_id: str
    label: Label | list[Label]


class LabelledList(msgspec.Struct, forbid_unknown_fields=True):
    """Several labels in one call."""

    feedback: list[Labelled]


@dataclass(frozen=True)
class Known:
    """What a label is read by. classes: of a version, empty where they are not known or it has none; loss: of labels
    in the rollout that began with a revision, as it was planned then."""

    classes: Callable[[str], Sequence[str]]
    loss: Callable[[int], Labels]


@dataclass(frozen=True)
class Read:
    """What one call held: rows to count, and the entries that cannot be."""

    rows: list[Row]
    invalid: list[dict[str, Any]]


class Feedback:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self,
        store: FeedbackStore,
        copies: CopyStore,
        counts: Counts,
        key: bytes,
        settings: Settings,
        known: Known,
        leaving: Callable[[], bool],
    ) -> None:
        self.store, self.copies, self.counts, self.key, self.leaving = store, copies, counts, key, leaving
        self.limit, self.known = settings.router.limits.max_body_bytes, known
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="feedback")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `{"counted", "duplicates", "invalid"}`; nothing of a call is counted when the ledger is away."""
        try:
            if scope["method"] != "POST":
                raise Problem(405, "labels are sent with POST")
            body = await read_body(receive, self.limit, time.monotonic)
            found = read_labels(parse(body), self.key, datetime.now(UTC), self.known)
            fresh = await asyncio.get_running_loop().run_in_executor(self.threads, self.add, found.rows)
        except Problem as problem:
            await answer(send, problem.status, problem.headers(), problem.body())
            return
        self._count(found, fresh)
        counted = sum(fresh)
        result = {"counted": counted, "duplicates": len(fresh) - counted, "invalid": found.invalid}
        headers = [(b"content-type", b"application/json")]
        if self.leaving():
            headers.append((b"connection", b"close"))
        await answer(send, 200, headers, msgspec.json.encode(result))

    def add(self, rows: list[Row]) -> list[bool]:
        """Count labels, each beside what a shadow answered; False for one counted before. Raises Problem."""
        try:
            return self.store.add(self._paired(rows))
        except StoreError as error:
            raise Problem(503, f"the labels were not counted, send them again: {error}", retry_after_s=5) from error

    def _paired(self, rows: list[Row]) -> list[Row]:
        """The rows, with the loss of what a shadow answered to the same request where that was kept."""
        beside = self.copies.of([row.prediction_id for row in rows if of_a_shadow(row)])
        return [
            replace(row, copied=loss_level(self.known.loss(row.rollout), found.predicted_class, found.score, row.label))
            if (found := beside.get(row.prediction_id))
            else row
            for row in rows
        ]

    def _count(self, found: Read, fresh: list[bool]) -> None:
        for row, new in zip(found.rows, fresh, strict=True):
            self.counts.add(("feedback", row.version, row.outcome if new else "duplicate"))
        self.counts.add(("feedback", "", "invalid"), len(found.invalid))


def parse(body: bytes) -> list[Labelled]:
    """One label, a list of them, or `{"feedback": [...]}`; raises Problem 400."""
    kinds: dict[bytes, Any] = {b"[": list[Labelled]}
    kind = kinds.get(body.lstrip()[:1], LabelledList if b'"feedback"' in body[:64] else Labelled)
    try:
        parsed = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f'the body is not {{"prediction_id", "label"}} or a list of them: {error}') from error
    labels = parsed.feedback if isinstance(parsed, LabelledList) else parsed if isinstance(parsed, list) else [parsed]
    if len(labels) > MOST_LABELS:
        raise Problem(413, f"{len(labels)} labels in one call: at most {MOST_LABELS} are allowed")
    return labels


def read_labels(labels: list[Labelled], key: bytes, now: datetime, known: Known) -> Read:
    """The rows to count; an id that is not ours, or labels that do not fit it, are named by their index."""
    rows: list[Row] = []
    invalid: list[dict[str, Any]] = []
    for index, labelled in enumerate(labels):
        try:
            rows += _rows(labelled, read(labelled.prediction_id, key), now, known)
        except (BadToken, ValueError) as error:
            invalid.append({"index": index, "detail": str(error)})
    return Read(rows, invalid)


def _rows(labelled: Labelled, prediction: Prediction, now: datetime, known: Known) -> list[Row]:
    label = labelled.label
    values = label if isinstance(label, list) else [label]
    if prediction.scores and len(values) != len(prediction.scores):
        raise ValueError(f"{len(values)} labels for a prediction of {len(prediction.scores)} rows")
    rows = len(values)
    return [_row(labelled, prediction, number, rows, value, now, known) for number, value in enumerate(values)]


def _row(
    labelled: Labelled,
    prediction: Prediction,
    number: int,
    rows: int,
    value: Label,
    now: datetime,
    known: Known,
) -> Row:
    score = prediction.scores[number] if prediction.scores else None
    predicted_class = prediction.classes[number] if prediction.classes else ""
    text = label_text(value)
    if prediction.scores:
        _require_fitting(prediction.version, predicted_class, text, known.classes(prediction.version))
    identity = label_id(labelled.prediction_id, number, rows)
    outcome = _outcome(predicted_class, score, text)
    # A request is one draw, so one of its rows bets: the first.
    bets = prediction.bets and number == 0
    level = loss_level(known.loss(prediction.rollout), predicted_class, score, text) if bets else None
    drawn = (prediction.rollout, prediction.weight, bets and level is not None, level)
    return Row(identity, prediction.version, score, predicted_class or None, text, outcome, now, *drawn)


def _require_fitting(version: str, predicted_class: str, label: str, classes: Sequence[str]) -> None:
    """Raise ValueError for a label that cannot be the truth of it: counted, it would bar the right one."""
    if predicted_class and classes and label not in classes:
        raise ValueError(f"{label!r} is no class of {version} ({', '.join(classes)})")
    if not predicted_class and not _finite(label):
        raise ValueError(f"{label!r} is no number, and {version} predicts numbers")


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def of_a_shadow(row: Row) -> bool:
    """Whether this label is of a request that a rollout only copied: its candidate had no share of the traffic."""
    return row.bets and row.rollout > 0 and row.weight == 0


def loss_level(signal: Labels, predicted_class: str, score: float | None, label: str) -> int | None:
    """The loss of one labelled prediction in sixteenths of the bound; None where it has none of the kind asked for.

    brier and log take the score as the probability of the last class, so they are for two classes 0 and 1.
    """
    if signal.loss == "wrong":
        return None if not predicted_class else 0 if predicted_class == label else LABEL_LEVELS - 1
    if score is None:
        return None
    try:
        truth = float(label)
    except ValueError:
        return None
    loss = _loss(signal.loss, score, truth)
    return None if not math.isfinite(loss) else round(min(loss / signal.bound, 1.0) * (LABEL_LEVELS - 1))


def _loss(kind: str, score: float, truth: float) -> float:
    if kind == "absolute":
        return abs(score - truth)
    if kind == "brier":
        return (score - truth) ** 2
    given = score if truth >= 0.5 else 1 - score
    return -math.log(max(given, 1e-12))


def _outcome(predicted_class: str, score: float | None, label: str) -> str:
    if predicted_class:
        return "right" if predicted_class == label else "wrong"
    return "unscored" if score is None else "scored"
