"""Counts wrong tokens at the sign-in, and says when they are too many.

A right token is never counted nor held up, so that nobody can lock anybody out; nobody guesses 256
bits at any rate. What is bounded is what wrong ones cost: past the bound their answers are short,
and end the connection."""

import math
from collections.abc import Callable

MOST_AT_ONCE = 20
PER_S = 0.5


class WrongTokens:
    """A bucket that fills again with time. Belongs to one worker. clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left, self._at = float(MOST_AT_ONCE), clock()

    def counted(self) -> int:
        """Count one; returns seconds to wait where they are too many, else 0."""
        now = self._clock()
        self._left = min(float(MOST_AT_ONCE), self._left + (now - self._at) * PER_S)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0

        return math.ceil((1 - self._left) / PER_S)
