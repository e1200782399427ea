"""Stops a run whose server answers with errors for seconds on end. Pure."""

from load.measurement import Measurement
from load.outcomes import FAILED, NO_ANSWER, SHED

SUSTAINED_S = 3.0
SHARE = 0.5


class OverloadGuard:
    """Looks at the finished windows of one run."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seen = 0

    def reason(self, measured: Measurement) -> str:
        """Why the run has to stop, empty where it may go on."""
        for window in measured.windows[self._seen :]:
            self._seen += 1
            bad = sum(map(window.counts.__getitem__, (SHED, FAILED, NO_ANSWER)))
            if sum(window.counts) == 0 or bad < SHARE * sum(window.counts):
                self._since = None
            elif self._since is None:
                self._since = window.at

        if self._since is None:
            return ""

        seconds = measured.at - self._since
        if seconds < SUSTAINED_S:
            return ""
        return f"stopped: for {seconds:.0f} s at least half of the requests got no answer but 5xx"
