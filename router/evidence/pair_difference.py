"""Compares two versions' answers to one request, asked at the same moment.

Nearness is relative: a candidate that says something else than the stable version says it still
about the same request. So its answer should be nearer to the stable version's answer to this
request than to its answer to another one, chosen at random among the last ones. Where it is nearer
to the other as often as not, the candidate's answers have nothing to do with the requests: rows in
another order, permuted classes, a constant."""

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from rollout.state.classes import Answers
from router.dispatch.work_items import Predicted
from router.evidence.prediction_values import PredictionReader, first_target

REMEMBERED = 256
LARGEST_PREDICTION = 16_384
VALUE_TOLERANCE = 0.05
"""A value that is this part of it above or below the other is another value."""
_decode = msgspec.json.decode


@dataclass(frozen=True, slots=True)
class PairDifference:
    """words: keys of the kind `compared`; the classes are empty where both answer values.

    differs: whether it is another class, or another value."""

    words: tuple[str, ...]
    stable_class: str = ""
    candidate_class: str = ""
    differs: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """class_name: empty for a value. numbers: the value, or the probabilities of all classes."""

    class_name: str
    numbers: Sequence[float] = ()
    names: tuple[str, ...] = ()


class PairComparer:
    """Compares the pairs of one rollout. Belongs to one worker.

    answers: what a version answers, by its name."""

    def __init__(
        self,
        answers: Callable[[str], Answers],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.answers, self.chance = answers, chance
        self._readers: dict[str, PredictionReader] = {}
        self._earlier: deque[_Answer] = deque(maxlen=REMEMBERED)

    def difference(
        self, candidate: tuple[str, Predicted], stable: tuple[str, Predicted]
    ) -> PairDifference | None:
        """The difference of the answers to a request's first row, given with their versions; None
        where one is too large to be read at once.
        """
        candidate_answer, stable_answer = self._readable(*candidate), self._readable(*stable)
        if candidate_answer is None or stable_answer is None:
            return None

        words = [*self._nearness(candidate_answer, stable_answer)]
        differs = candidate_answer.class_name != stable_answer.class_name
        if not candidate_answer.class_name and not stable_answer.class_name:
            side = _side(candidate_answer.numbers[0], stable_answer.numbers[0])
            differs = bool(side)
            words += filter(None, [side])

        self._earlier.append(stable_answer)
        return PairDifference(
            tuple(words), stable_answer.class_name, candidate_answer.class_name, differs
        )

    def _nearness(self, candidate_answer: _Answer, stable_answer: _Answer) -> Sequence[str]:
        if not self._earlier:
            return ()

        other = self._earlier[int(self.chance() * len(self._earlier))]
        same, another = (
            _distance(candidate_answer, stable_answer),
            _distance(candidate_answer, other),
        )
        if same == another:
            return ()
        if same < another:
            return ("nearer same",)
        return ("nearer other",)

    def _readable(self, version: str, predicted: Predicted) -> _Answer | None:
        """One answer; None where it is too large, or none that can be compared."""
        try:
            return self._read(version, predicted)
        except (msgspec.DecodeError, ValueError, TypeError, IndexError):
            return None

    def _read(self, version: str, predicted: Predicted) -> _Answer | None:
        raw = bytes(predicted.predictions[0])
        if len(raw) > LARGEST_PREDICTION:
            return None

        reader = self._reader(version)
        names = reader.names(predicted.classes)
        score, class_name = reader.read(raw, names)
        if raw[:1] == b"[" and reader.answers.by_largest:
            return _Answer(class_name, first_target(_decode(raw)), names)
        if class_name:
            return _Answer(class_name)
        if not math.isfinite(score):
            return None
        return _Answer("", (score,))

    def _reader(self, version: str) -> PredictionReader:
        answers, reader = self.answers(version), self._readers.get(version)
        if reader is None or reader.answers != answers:
            reader = self._readers[version] = PredictionReader(answers)

        return reader


def _distance(first: _Answer, second: _Answer) -> float:
    """The distance of two values or of the probabilities of the same classes, else of the classes:
    0 or 1.
    """
    comparable = len(first.numbers) == len(second.numbers) and first.names == second.names
    if first.numbers and comparable:
        return max(abs(a - b) for a, b in zip(first.numbers, second.numbers, strict=True))
    if first.class_name == second.class_name:
        return 0.0
    return 1.0


def _side(candidate: float, stable: float) -> str:
    """up or down, where the candidate's value is another one; else empty."""
    if abs(candidate - stable) <= VALUE_TOLERANCE * abs(stable):
        return ""
    if candidate > stable:
        return "up"
    return "down"
