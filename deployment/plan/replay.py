"""Asks two versions about the same rows, in turn, in equal batches; what they answered stays
paired.

Which of them is asked first changes with every batch, so that neither always meets the warmer
machine."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployment.http_client import Connection, Unreachable, line
from deployment.plan.recordings import Row
from deployment.readiness import NotAnswering, ReadinessProbe, warm_up
from deployment.workspace.errors import EdgeFailure

TIMEOUT_S = 60.0
MOST_BATCHES = 500
LARGEST_BATCH = 64


@dataclass(frozen=True)
class Said:
    """One version's answer to one row: a prediction, or the error instead, with the column where
    one is at fault.
    """

    prediction: Any
    error: str = ""
    column: str | None = None


@dataclass(frozen=True)
class Pair:
    """One row and both answers."""

    row: Row
    today: Said
    tomorrow: Said


@dataclass(frozen=True)
class Batch:
    """Seconds of both versions for one batch that both answered in full."""

    rows: int
    today_s: float
    tomorrow_s: float


@dataclass(frozen=True)
class Replayed:
    """All pairs, and the batches whose time may be compared. batch: rows in each of them."""

    pairs: list[Pair]
    batches: list[Batch]
    batch: int


def replay(rows: Sequence[Row], today: ReadinessProbe, tomorrow: ReadinessProbe) -> Replayed:
    """Both versions' answers to all rows; raises EdgeFailure where one stops answering."""
    size = batch_size(len(rows))
    pairs: list[Pair] = []
    batches: list[Batch] = []
    for probe in (today, tomorrow):
        _warm(probe)

    with (
        line(today.address, today.secret, TIMEOUT_S) as first,
        line(tomorrow.address, tomorrow.secret, TIMEOUT_S) as second,
    ):
        for number, part in enumerate(_parts(rows, size)):
            mine, theirs = _in_turn(
                partial(_ask, first, part), partial(_ask, second, part), number % 2 == 1
            )
            pairs += map(Pair, part, mine.said, theirs.said)
            if mine.whole and theirs.whole and len(part) == size:
                batches.append(Batch(size, mine.seconds, theirs.seconds))

    return Replayed(pairs, batches, size)


def batch_size(rows: int) -> int:
    """One row a batch as long as that makes at most 500 batches, then as many as needed, up to
    64.
    """
    return min(LARGEST_BATCH, max(1, -(-rows // MOST_BATCHES)))


@dataclass(frozen=True)
class _Answer:
    said: list[Said]
    seconds: float

    @property
    def whole(self) -> bool:
        return not any(each.error for each in self.said)


def _in_turn(
    mine: Callable[[], _Answer], theirs: Callable[[], _Answer], other_first: bool
) -> tuple[_Answer, _Answer]:
    if other_first:
        second = theirs()
        return mine(), second
    first = mine()
    return first, theirs()


def _ask(version: Connection, rows: Sequence[Row]) -> _Answer:
    began = time.perf_counter()
    try:
        answer = version.post("/predict", {"instances": list(rows)})
        seconds = time.perf_counter() - began
        return _Answer(_said(answer.status, answer.json(), len(rows)), seconds)
    except Unreachable as error:
        raise EdgeFailure(
            f"a version stopped answering the replay ({error}): see `python deploy.py status`"
        ) from error


def _said(status: int, body: Any, count: int) -> list[Said]:
    """One Said a row: the service names bad rows beside the predictions of the others, whatever the
    status.
    """
    predictions, errors = (
        body.get("predictions"),
        {each["row"]: each for each in body.get("errors") or ()},
    )
    if not isinstance(predictions, list) or len(predictions) != count:
        return [Said(None, f"{status}: {body.get('detail') or 'no prediction'}")] * count

    return [
        Said(None, errors[place]["detail"], errors[place]["column"])
        if place in errors
        else Said(prediction)
        for place, prediction in enumerate(predictions)
    ]


def _warm(probe: ReadinessProbe) -> None:
    try:
        warm_up(probe)
    except NotAnswering as error:
        raise EdgeFailure(f"a version failed while warming up for the replay ({error})") from error


def _parts(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
