"""Buffers answers of judged shadows, which are stored until their labels come.

Only some per second: labels of a few thousand requests are enough for a decision, and neither
memory nor database should grow with the traffic. The choice does not depend on the answers."""

from dataclasses import dataclass, field

from store.shadow_answers import ShadowAnswer

AT_ONCE = 50
"""Answers kept between two flushes."""


@dataclass
class ShadowBuffer:
    """Answers of one worker that are not stored yet, by rollout."""

    _answers: dict[int, list[ShadowAnswer]] = field(default_factory=dict)
    _room: int = AT_ONCE

    @property
    def room(self) -> bool:
        """Whether it takes one more."""
        return self._room > 0

    def add(self, rollout: int, answer: ShadowAnswer) -> None:
        """Keep an answer, if there is room."""
        if self._room > 0:
            self._room -= 1
            self._answers.setdefault(rollout, []).append(answer)

    def take(self) -> dict[int, list[ShadowAnswer]]:
        """Remove and return all answers.

        Called from another thread than `add`, which may lose one answer by that."""
        taken, self._answers, self._room = self._answers, {}, AT_ONCE
        return taken
