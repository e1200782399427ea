"""Buffers answers that no user got, which are stored until their labels come: those of judged
shadows, and of the other version of a pair.

Only some per second: labels of a few thousand requests are enough for a decision, and neither
memory nor database should grow with the traffic. The choice does not depend on the answers."""

import math
from dataclasses import dataclass, field

from rollout.state.classes import Answers
from router.dispatch.work_items import Predicted
from router.evidence.prediction_id import label_id, signature_of
from router.evidence.prediction_values import PredictionReader
from store.shadow_answers import ShadowAnswer

AT_ONCE = 50
"""Answers kept between two flushes."""


@dataclass
class ShadowBuffer:
    """Answers of one worker that are not stored yet, by rollout."""

    _answers: dict[int, list[ShadowAnswer]] = field(default_factory=dict)
    _room: int = AT_ONCE
    _full: int = 0

    def has_room(self, rollout: int) -> bool:
        """Whether it takes one more answer of a rollout.

        Where it does not, a pair's label is better left to the draw: ask before the id is made.
        """
        return self._room > 0 and rollout != self._full

    def close(self, rollout: int) -> None:
        """Take no more answers of a rollout: as many as there is room for are stored."""
        self._full = rollout

    def add(self, rollout: int, answer: ShadowAnswer) -> None:
        """Keep an answer, if there is room."""
        if self.has_room(rollout):
            self._room -= 1
            self._answers.setdefault(rollout, []).append(answer)

    def keep_other_answer(
        self, rollout: int, prediction_id: bytes, rows: int, other: Predicted, answers: Answers
    ) -> None:
        """Keep the other version's answer to a request's first row, if it has one and there is
        room.

        rollout: the revision that it began with; prediction_id: of the answer that the user got;
        rows: of the request; answers: what the other version answers."""
        if not self.has_room(rollout) or any(error.row == 0 for error in other.errors):
            return

        reader = PredictionReader(answers)
        score, name = reader.read(bytes(other.predictions[0]), reader.names(other.classes))
        identity = label_id(signature_of(prediction_id), 0, rows)
        finite_score = score if math.isfinite(score) else None
        self.add(rollout, ShadowAnswer(identity, finite_score, name))

    def take(self) -> dict[int, list[ShadowAnswer]]:
        """Remove and return all answers.

        Called from another thread than `add`, which may lose one answer by that."""
        taken, self._answers, self._room = self._answers, {}, AT_ONCE
        return taken
