"""Reads raw predictions: the score, and the key of the class (rollout/state/classes.py)."""

from typing import Any

import msgspec

from rollout.state.classes import Answers, label_text

_anything = msgspec.json.Decoder().decode
MOST_KNOWN = 1_000
UNKNOWN = Answers()


class PredictionReader:
    """Reads the predictions of one version. Belongs to one worker."""

    def __init__(self, answers: Answers = UNKNOWN) -> None:
        self.answers = answers
        self._names: dict[bytes, tuple[str, ...]] = {}
        self._read: dict[bytes, tuple[float, str]] = {}

    def names(self, classes: bytes) -> tuple[str, ...]:
        """The keys of the classes in an answer with probabilities. classes: JSON, perhaps null."""
        names = self._names.get(classes)
        if names is None:
            values = first_target(_anything(classes) or [])
            known = self.answers.names.keys
            names = known if len(known) == len(values) else tuple(map(label_text, values))
            if len(self._names) < MOST_KNOWN:
                self._names[classes] = names

        return names

    def read(self, raw: bytes, names: tuple[str, ...]) -> tuple[float, str]:
        """Score and class of one raw prediction; the class is empty for a value."""
        if raw[:1] == b"[":
            return self._of_list(_anything(raw), names)

        if self.answers.scores:
            return self._decided(_anything(raw))

        if not self.answers.classes:
            return self._plain(_anything(raw))

        prediction = self._read.get(raw)
        if prediction is None:
            prediction = self._class(_anything(raw))
            if len(self._read) < MOST_KNOWN:
                self._read[raw] = prediction

        return prediction

    def _of_list(self, values: list[Any], names: tuple[str, ...]) -> tuple[float, str]:
        """Read a list: a number for each class, or a value for each target, of which the first."""
        values = first_target(values)
        if not self.answers.by_largest:
            if self.answers.classes:
                return self._class(values[0])
            return self._plain(values[0])

        numbers = list(map(float, values))
        best = numbers.index(max(numbers))
        return numbers[-1], names[best] if best < len(names) else str(best)

    def _decided(self, score: float) -> tuple[float, str]:
        """Read the score of decision_function: above 0 it is the second of two classes."""
        keys = self.answers.names.keys
        if len(keys) != 2:
            return float(score), ""
        return float(score), keys[score > 0]

    def _plain(self, value: object) -> tuple[float, str]:
        """Read a value, or a class of a version whose classes are not known."""
        number = float(value) if isinstance(value, int | float) else 0.0
        return number, "" if isinstance(value, float) or self.answers.values else label_text(value)

    def _class(self, value: bool | int | float | str) -> tuple[float, str]:
        number = float(value) if isinstance(value, int | float) else 0.0
        return number, self.answers.names.key(value) or label_text(value)


def first_target(values: list[Any]) -> list[Any]:
    """The list itself, or of lists, one a target, the first."""
    if values and isinstance(values[0], list):
        return values[0]
    return values
