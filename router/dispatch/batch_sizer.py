"""How fast a version answers, and what follows from it: how many rows go to it at once, and how
many may wait.

Pure. A version's speed is that of its full batches: smaller ones say less than it can do.
"""

from rollout.settings import Limits

FIRST_BATCH_ROWS = 64
MEMORY = 0.25
# A batch is to take no more of the version's time-out than this, so that a slow minute is no
# failure.
BATCH_SHARE = 0.25


class BatchSizer:
    """Of one version. batch_rows: in one batch at most; waiting_rows: in its queue at most; row_s:
    0 where unknown.
    """

    __slots__ = ("_batch_s", "_limits", "_queue_s", "batch_rows", "row_s", "waiting_rows")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._batch_s = BATCH_SHARE * limits.version_timeout_ms / 1000
        self._queue_s = limits.max_queue_ms / 1000
        self.batch_rows = min(FIRST_BATCH_ROWS, limits.max_batch_rows)
        self.waiting_rows = limits.max_queue_rows
        self.row_s = 0.0

    def note(self, rows: int, under_way: int, seconds: float) -> None:
        """A batch of `rows` took so long, or was given up then; `under_way` rows, its own too, were
        being answered.
        """
        # What is under way by the time it takes is the throughput (Little's law), however many
        # batches there are.
        row_s = seconds / under_way
        if rows * 2 >= self.batch_rows:
            self.row_s += (MEMORY if self.row_s else 1.0) * (row_s - self.row_s)
            self._fit(rows, seconds)
        elif row_s < self.row_s:
            self.row_s += MEMORY * (row_s - self.row_s)

    def _fit(self, rows: int, seconds: float) -> None:
        limits = self._limits
        growth = min(2.0, self._batch_s / max(seconds, 1e-6))
        self.batch_rows = max(1, min(limits.max_batch_rows, int(rows * growth)))
        # A full batch may always wait; until a version has shown that it is slow, the largest.
        least = limits.max_batch_rows if growth == 2.0 else self.batch_rows
        self.waiting_rows = min(
            limits.max_queue_rows, max(least, int(self._queue_s / max(self.row_s, 1e-9)))
        )
