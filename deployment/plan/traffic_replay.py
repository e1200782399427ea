"""Sends the same rows to two versions, in turn and in equal batches, and pairs their answers.

`today` is the released version, `tomorrow` the candidate. Which of them is asked first alternates
from batch to batch, so that neither always meets the warmer machine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployment.http_client import Connection, Unreachable, line
from deployment.plan.recordings import Row
from deployment.readiness import NotAnswering, ReadinessProbe, warm_up
from deployment.workspace.errors import EdgeFailure

TIMEOUT_S = 60.0
MOST_BATCHES = 500
LARGEST_BATCH = 64


@dataclass(frozen=True)
class RowAnswer:
    """One version's answer to one row: a prediction, or an error and the column at fault.

    others: the predictions of further outputs, by name.
    """

    prediction: Any
    error: str = ""
    column: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """One row and both answers."""

    row: Row
    today: RowAnswer
    tomorrow: RowAnswer


@dataclass(frozen=True)
class Batch:
    """Seconds that each version took for one batch that both answered in full."""

    rows: int
    today_s: float
    tomorrow_s: float


@dataclass(frozen=True)
class ReplayResult:
    """All pairs, and the batches whose times may be compared. batch: rows in each of them."""

    pairs: list[Pair]
    batches: list[Batch]
    batch: int


def replay(rows: Sequence[Row], today: ReadinessProbe, tomorrow: ReadinessProbe) -> ReplayResult:
    """Both versions' answers to all rows; raises EdgeFailure where one stops answering."""
    size = batch_size(len(rows))
    pairs: list[Pair] = []
    batches: list[Batch] = []
    _warm_up(today)
    _warm_up(tomorrow)
    with (
        line(today.address, today.secret, TIMEOUT_S) as to_today,
        line(tomorrow.address, tomorrow.secret, TIMEOUT_S) as to_tomorrow,
    ):
        for number, batch in enumerate(_batches(rows, size)):
            old, new = _ask_both(to_today, to_tomorrow, batch, tomorrow_first=number % 2 == 1)
            pairs += map(Pair, batch, old.rows, new.rows)
            if old.complete and new.complete and len(batch) == size:
                batches.append(Batch(size, old.seconds, new.seconds))

    return ReplayResult(pairs, batches, size)


def batch_size(rows: int) -> int:
    """One row a batch up to 500 rows, then as many rows as keep it at 500 batches, at most 64."""
    return min(LARGEST_BATCH, max(1, -(-rows // MOST_BATCHES)))


@dataclass(frozen=True)
class _BatchAnswer:
    rows: list[RowAnswer]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether no row has an error."""
        return not any(row.error for row in self.rows)


def _ask_both(
    today: Connection, tomorrow: Connection, rows: Sequence[Row], tomorrow_first: bool
) -> tuple[_BatchAnswer, _BatchAnswer]:
    """The answers of today's version and of tomorrow's."""
    if tomorrow_first:
        new = _ask(tomorrow, rows)
        return _ask(today, rows), new

    old = _ask(today, rows)
    return old, _ask(tomorrow, rows)


def _ask(version: Connection, rows: Sequence[Row]) -> _BatchAnswer:
    began = time.perf_counter()
    try:
        answer = version.post("/predict", {"instances": list(rows)})
        seconds = time.perf_counter() - began
        return _BatchAnswer(_row_answers(answer.status, answer.json(), len(rows)), seconds)
    except Unreachable as error:
        raise EdgeFailure(
            f"a version stopped answering the replay ({error}): see `python deploy.py status`"
        ) from error


def _row_answers(status: int, body: Any, count: int) -> list[RowAnswer]:
    """One answer a row: the service names bad rows beside the predictions of the others, whatever
    the status.
    """
    predictions = body.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != count:
        return [RowAnswer(None, f"{status}: {body.get('detail') or 'no prediction'}")] * count

    outputs = body.get("outputs") or {}
    answers = []
    for row, prediction in enumerate(predictions):
        others = {name: values[row] for name, values in outputs.items()}
        answers.append(RowAnswer(prediction, others=others))

    for error in body.get("errors") or ():
        answers[error["row"]] = RowAnswer(None, error["detail"], error["column"])

    return answers


def _warm_up(probe: ReadinessProbe) -> None:
    try:
        warm_up(probe)
    except NotAnswering as error:
        raise EdgeFailure(f"a version failed while warming up for the replay ({error})") from error


def _batches(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
