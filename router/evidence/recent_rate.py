"""How many requests came lately, of one worker: for a plan of what the traffic allows."""

from collections import deque

EVERY_S = 10.0
WINDOWS_S = (60, 600, 3600)
_KEPT = round(max(WINDOWS_S) / EVERY_S) + 1
Key = tuple[str, ...]


class RecentRate:
    """The number of requests at every tenth second of the last hour. now: any clock's seconds."""

    def __init__(self, now: float) -> None:
        self._totals: deque[tuple[float, float]] = deque([(now, 0.0)], maxlen=_KEPT)

    def gauges(self, total: float, now: float) -> dict[Key, float]:
        """Seconds, and requests a second, of each window that this worker has lived through.

        A window is as long as the worker's life where that is shorter, and at least the shortest.
        total: of the requests up to now.
        """
        if now - self._totals[-1][0] >= EVERY_S:
            self._totals.append((now, total))

        gauges: dict[Key, float] = {}
        for window in WINDOWS_S:
            since, before = self._at(now - window)
            seconds = now - since
            if seconds >= min(WINDOWS_S):
                gauges["recent_s", str(window)] = seconds
                gauges["recent_rate", str(window)] = (total - before) / seconds

        return gauges

    def _at(self, moment: float) -> tuple[float, float]:
        """The newest number that is as old as this, else the oldest."""
        newest = self._totals[0]
        for kept in self._totals:
            if kept[0] > moment:
                break

            newest = kept

        return newest
