"""What a judged shadow answered, on its way to the record, where it waits for a label
(store/shadow_answers.py).

Some of each second: labels of a few thousand requests decide, and neither memory nor the database
should grow with the traffic. Which ones has nothing to do with what was answered."""

from dataclasses import dataclass, field

from store.shadow_answers import ShadowAnswer

AT_ONCE = 50
"""Answers between two times that they are handed in."""


@dataclass
class ShadowBuffer:
    """Answers of one worker that were not handed in yet, by rollout."""

    _answers: dict[int, list[ShadowAnswer]] = field(default_factory=dict)
    _room: int = AT_ONCE

    @property
    def room(self) -> bool:
        """Whether one more is wanted."""
        return self._room > 0

    def add(self, rollout: int, answer: ShadowAnswer) -> None:
        """Keep one, where there is room."""
        if self._room > 0:
            self._room -= 1
            self._answers.setdefault(rollout, []).append(answer)

    def take(self) -> dict[int, list[ShadowAnswer]]:
        """What was kept since the last time; called from another thread than `add`, which may miss
        one by it.
        """
        taken, self._answers, self._room = self._answers, {}, AT_ONCE
        return taken
