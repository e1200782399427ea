"""Checks the mark of a load test's requests. A request with a wrong or an old one is refused: as a
user's it would count as evidence.
"""

import time
from collections.abc import Callable
from hmac import compare_digest

from router.problems import Problem
from wire.load_mark import HEADER, BadMark, check_mark, mark_key


class LoadMarks:
    """The marks of one worker. secret: of the workspace."""

    def __init__(self, secret: bytes, model: str, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = mark_key(secret, model), clock
        self._known, self._expires = b"", 0

    def require(self, mark: bytes) -> None:
        """Raise Problem 403 unless a load test of this stack made the mark lately."""
        now = self._clock()
        if now < self._expires and compare_digest(mark, self._known):
            return

        try:
            self._expires = check_mark(self._key, mark.decode("latin-1"), now)
        except BadMark as error:
            raise Problem(
                403,
                f"the mark in {HEADER} is refused, since {error}: "
                "`python deploy.py load` makes marks; leave the header out of users' requests",
            ) from error

        self._known = mark
