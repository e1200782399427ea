"""Counts the predicted classes and values of each answer, and makes its signed id."""

import time
from collections.abc import Callable
from itertools import count
from math import isfinite
from zlib import crc32

from rollout.history.worker_counts import OTHER_CLASSES
from rollout.state.classes import MOST_CHARACTERS, MOST_CLASSES, Answers
from rollout.verdict.bins import value_bin
from router.dispatch.dispatcher import Draw
from router.dispatch.work_items import Predicted
from router.evidence.prediction_id import SignedPrediction, sign
from router.evidence.prediction_values import UNKNOWN, PredictionReader
from router.evidence.worker_metrics import SEPARATOR, WorkerMetrics

MOST_ROWS_IN_AN_ID = 16
# Of the classes' names, so that an id is short enough to be sent back.
MOST_CHARACTERS_IN_AN_ID = 1_024
VALUE_EDGES = (-1e6, -1e3, -1e2, -10.0, -1.0, -0.1, 0.0, 0.1, 1.0, 10.0, 1e2, 1e3, 1e6)


class Outcomes:
    """Makes ids and counts predictions. Belongs to one worker.

    answers: what a version answers, by its name."""

    def __init__(
        self,
        counts: WorkerMetrics,
        key: bytes,
        clock: Callable[[], float] = time.time,
        answers: Callable[[str], Answers] = lambda _: UNKNOWN,
    ) -> None:
        self.counts, self.key, self.clock, self.answers = counts, key, clock, answers
        self._serial = count(int(clock() * 1000) & 0xFFFFFFFF)
        self._readers: dict[str, PredictionReader] = {}
        self._classes: dict[str, CountedClasses] = {}

    def note(
        self,
        version: str,
        predicted: Predicted,
        draw: Draw,
        own: bool,
        unit: bytes,
        paired: bool = False,
    ) -> bytes:
        """Count the predictions of one answer and return its id.

        own: the version that was drawn has answered, so that its first row counts in the verdict.
        paired: both versions were asked, so that its label bets as one of a pair and on no draw.
        """
        scores: list[float] = []
        names: list[str] = []
        reader = self._reader(version)
        classes = reader.names(predicted.classes)
        for raw in predicted.predictions:
            score, name = reader.read(bytes(raw), classes)
            scores.append(score)
            names.append(name)
            self._count(version, name, score)

        rows = len(scores)
        if own and draw.tally is not None:
            draw.tally.predicted(names[0], scores[0])

        if rows > MOST_ROWS_IN_AN_ID or sum(map(len, names)) > MOST_CHARACTERS_IN_AN_ID:
            # The first row is the one that counts in the verdict.
            scores, names = scores[:1], names[:1]
            if len(names[0]) > MOST_CHARACTERS_IN_AN_ID:
                names = []

        bets = own and (paired or draw.tally is not None)
        at_ms, serial = int(self.clock() * 1000), next(self._serial)
        prediction = SignedPrediction(
            version,
            draw.weight,
            at_ms,
            serial,
            scores,
            names,
            draw.number,
            crc32(unit),
            bets,
            rows,
            paired,
        )
        return sign(prediction, self.key)

    def refused(self, status: int) -> None:
        """Count an error answer, by its status."""
        self.counts.add(("refused", str(status)))

    def _count(self, version: str, name: str, score: float) -> None:
        """Count one prediction: its class, or its value where it has none."""
        if name:
            classes = self._classes.setdefault(version, CountedClasses())
            self.counts.add(("predictions", version, classes.counted(name)))
            return

        self.counts.add(("values", version, _edge(score)))
        if isfinite(score):
            self.counts.add(("value", version, str(value_bin(score))))

    def _reader(self, version: str) -> PredictionReader:
        answers, reader = self.answers(version), self._readers.get(version)
        if reader is None or (reader.answers is not answers and reader.answers != answers):
            reader = self._readers[version] = PredictionReader(answers)

        return reader


class CountedClasses:
    """The classes of one version that are counted apart: as many as a ledger keeps.

    A model may answer a text of its own to each row. All counts are kept in memory and published
    several times a second, so that no number of rows may make them more and more."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._characters = 0

    def counted(self, name: str) -> str:
        """The name under which a class is counted."""
        known = self._names.get(name)
        if known is not None:
            return known

        self._characters += len(name)
        if len(self._names) >= MOST_CLASSES or self._characters > MOST_CHARACTERS:
            self._characters -= len(name)
            return OTHER_CLASSES

        # Counts are published by their joined names.
        known = self._names[name] = name.replace(SEPARATOR, " ")
        return known


def _edge(value: float) -> str:
    return next((str(edge) for edge in VALUE_EDGES if value <= edge), "+Inf")
