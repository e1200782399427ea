"""A bounded sample of recent request rows, for `deploy.py plan --replay recent`.

Each answered row is kept with the same probability (Algorithm L: the hot path only counts down to
the next one). Once a sample is full and its window has passed, a new one begins, and rows of the
old one fill it up. Each worker writes its sample to a file that only its user can read, and that
outlives the worker."""

import asyncio
import math
import os
import random
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

import msgspec

WINDOW_S = 300.0
PUBLISH_S = 2.0
LARGEST_ROW = 16_384
KEPT_FILES = 16


class RowSample:
    """One worker's sample of at most `size` rows; a size of 0 keeps none."""

    def __init__(self, size: int, seed: int | None = None) -> None:
        self.size = size
        self.changed = False
        self._chance = random.Random(seed)  # noqa: S311 (a sample, not a secret)
        self._before: list[bytes] = []
        self._begun = 0.0
        self._begin()

    def note(self, rows: list[msgspec.Raw]) -> None:
        """Count the rows of an answered request, and keep those that the sample selects."""
        self._ahead -= len(rows)
        if self._ahead < 0:
            self._take(rows)

    def rows(self) -> list[bytes]:
        """The sample, each row as one line of JSON, newest window first."""
        return [*self._rows, *self._before[: self.size - len(self._rows)]]

    def turn(self, now: float) -> None:
        """Begin a new window if the present one is full and has passed. now: monotonic seconds."""
        if self.size and len(self._rows) == self.size and now - self._begun >= WINDOW_S:
            self._before = self._rows
            self._chance.shuffle(self._before)
            self._begin()
            self._begun = now

    def _begin(self) -> None:
        self._rows: list[bytes] = []
        self._spread = 1.0
        # Rows to skip before the next one is kept.
        self._ahead: float = 0 if self.size else math.inf

    def _take(self, rows: list[msgspec.Raw]) -> None:
        position = len(rows) + self._ahead
        while position < len(rows):
            self._keep(rows[int(position)])
            position += 1 + self._gap()

        self._ahead = position - len(rows)

    def _keep(self, row: msgspec.Raw) -> None:
        # A copy, since a raw row refers to the whole body. No huge ones, since they stay in memory.
        if len(memoryview(row)) > LARGEST_ROW:
            return

        line = bytes(row).replace(b"\n", b" ").replace(b"\r", b" ")
        self.changed = True
        if len(self._rows) < self.size:
            self._rows.append(line)
        else:
            self._rows[self._chance.randrange(self.size)] = line

    def _gap(self) -> int:
        if len(self._rows) < self.size:
            return 0

        self._spread *= math.exp(math.log(1.0 - self._chance.random()) / self.size)
        missed = math.log1p(-self._spread) if self._spread < 1 else -math.inf
        if missed:
            return int(math.log(1.0 - self._chance.random()) / missed)

        return 2**62


async def keep(recent: RowSample, samples: Path, threads: Executor) -> None:
    """Write the sample every few seconds if it changed, until cancelled and once more then.

    samples: the model's folder."""
    loop = asyncio.get_running_loop()
    try:
        while recent.size:
            await asyncio.sleep(PUBLISH_S)
            recent.turn(loop.time())
            _publish_changed(recent, samples, threads)
    finally:
        _publish_changed(recent, samples, threads)


def _publish_changed(recent: RowSample, samples: Path, threads: Executor) -> None:
    if recent.changed:
        recent.changed = False
        # An error is ignored: the next sample is written a few seconds later.
        threads.submit(publish, samples, os.getpid(), recent.rows())


def folder(state: Path, model: str) -> Path:
    """The folder of a model's samples: another model has other columns."""
    return state / "run" / "recent" / model


def publish(samples: Path, pid: int, rows: list[bytes]) -> None:
    """Replace a worker's file, and delete the oldest files of former workers."""
    samples.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = samples / f"{pid}.draft"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(row + b"\n" for row in rows)

    draft.replace(samples / f"{pid}.jsonl")
    for old in sorted(samples.glob("*.jsonl"), key=_age)[KEPT_FILES:]:
        old.unlink(missing_ok=True)


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return -path.stat().st_mtime
    return math.inf
