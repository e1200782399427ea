"""Stops a run whose server answers with errors for seconds on end. Pure."""

from load.measurement import Measurement, Window
from load.outcomes import FAILED, NO_ANSWER, SHED

SUSTAINED_S = 3.0
SHARE = 0.5
NO_ANSWER_S = 12.0
"""Who waits so long, a little longer than the router's deadline, gets no answer any more."""


class OverloadGuard:
    """Looks at the finished windows of one run."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seen = 0

    def reason(self, measured: Measurement) -> str:
        """Why the run has to stop, empty where it may go on."""
        for window in measured.windows[self._seen :]:
            self._seen += 1
            if not _is_bad(window, measured):
                self._since = None
            elif self._since is None:
                self._since = window.at

        if self._since is None:
            return ""

        seconds = measured.at - self._since
        if seconds < SUSTAINED_S:
            return ""
        return f"stopped: for {seconds:.0f} s at least half of the requests got 5xx or no answer"


def _is_bad(window: Window, measured: Measurement) -> bool:
    ended = sum(window.counts)
    if not ended:
        return measured.oldest_s >= NO_ANSWER_S

    return sum(map(window.counts.__getitem__, (SHED, FAILED, NO_ANSWER))) >= SHARE * ended
