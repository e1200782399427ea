"""Retries of one call: what may be tried again, after which pause, and until when."""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from targets.base import Say
from targets.heroku.errors import Unanswered

Look = Callable[[], Any]
TOKEN_COMES_BACK_S = 0.8


@dataclass(frozen=True)
class Patience:
    """How long the client tries, in seconds.

    deadline_s: for one call with all its retries
    first_s, longest_s: pauses after a fault, doubled each time
    limited_s, limited_most_s: the same after 429
    slow_s: the pause when few requests are left
    answer_s: how long one exchange may take
    """

    deadline_s: float = 120.0
    first_s: float = 0.5
    longest_s: float = 10.0
    limited_s: float = 30.0
    limited_most_s: float = 300.0
    limited_deadline_s: float = 900.0
    slow_s: float = TOKEN_COMES_BACK_S
    answer_s: float = 30.0


@dataclass(frozen=True)
class Fault:
    """Why an exchange may be tried again.

    may_be_done: whether the platform may have done it all the same
    """

    why: str
    may_be_done: bool
    limited: bool = False
    retry_after_s: float = 0.0


class Attempt:
    """One call with its retries."""

    def __init__(
        self, patience: Patience, say: Say, method: str, path: str, look: Look | None
    ) -> None:
        self._patience, self._say = patience, say
        self.method, self.path, self.look = method, path, look
        self.what = f"{method} {path}"
        self.request_id = str(uuid.uuid4())
        self.unsure = False
        self._began = time.monotonic()
        self._faults = self._limits = 0
        self._limited_s = 0.0

    def pause(self, fault: Fault) -> None:
        """Wait before the next retry; raises Unanswered where that would miss the deadline."""
        patience = self._patience
        self.unsure = self.unsure or fault.may_be_done
        if fault.limited:
            grown = _grown(patience.limited_s, self._limits, patience.limited_most_s)
            wait = max(fault.retry_after_s, grown)
            self._limits += 1
            self._limited_s += wait
            if wait >= 1:
                self._say(f"Heroku's rate limit is reached: waiting {wait:.0f} s")
        else:
            wait = _grown(patience.first_s, self._faults, patience.longest_s)
            self._faults += 1

        # To wait for a rate limit is no sign that the platform does not answer.
        deadline_s = patience.deadline_s + self._limited_s
        if fault.limited:
            deadline_s = patience.limited_deadline_s

        if time.monotonic() - self._began + wait > deadline_s:
            raise Unanswered(self._timed_out(fault, deadline_s))

        time.sleep(wait)

    def _timed_out(self, fault: Fault, deadline_s: float) -> str:
        done = ""
        if self.unsure and self.method != "GET":
            done = "; it may have been done all the same"

        return (
            f"Heroku did not answer {self.what} within {deadline_s:g} s (last: {fault.why}){done}: "
            "see https://status.heroku.com, then run the same command again, which looks before "
            f"it makes anything (request {self.request_id})"
        )


def _grown(first_s: float, times: int, most_s: float) -> float:
    """A pause that doubles each time, with a jitter of a quarter."""
    return min(first_s * 2.0**times, most_s) * random.uniform(0.75, 1.25)  # noqa: S311
