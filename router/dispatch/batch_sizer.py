"""Adapts the batch size and the queue limit of a version to its speed.

Pure. The speed is that of full batches, since smaller ones are slower per row."""

from rollout.settings import Limits

FIRST_BATCH_ROWS = 64
MEMORY = 0.25
# A batch takes at most this part of the version's time-out, so that a slow minute is no failure.
BATCH_SHARE = 0.25


class BatchSizer:
    """The limits of one version.

    batch_rows: rows in a batch at most. waiting_rows: rows in its queue at most.
    row_s: seconds per row, 0 where unknown."""

    __slots__ = ("_batch_s", "_limits", "_queue_s", "batch_rows", "row_s", "waiting_rows")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._batch_s = BATCH_SHARE * limits.version_timeout_ms / 1000
        self._queue_s = limits.max_queue_ms / 1000
        self.batch_rows = min(FIRST_BATCH_ROWS, limits.max_batch_rows)
        self.waiting_rows = limits.max_queue_rows
        self.row_s = 0.0

    def note(self, rows: int, in_flight: int, seconds: float) -> None:
        """Record a batch that was answered, or timed out, after so many seconds.

        rows: in the batch. in_flight: rows in all batches of the version, this one included."""
        # Rows in flight by their latency are the throughput (Little's law), for any number of
        # batches.
        row_s = seconds / in_flight
        if rows * 2 >= self.batch_rows:
            self.row_s += (MEMORY if self.row_s else 1.0) * (row_s - self.row_s)
            self._fit(rows, seconds)
        elif row_s < self.row_s:
            self.row_s += MEMORY * (row_s - self.row_s)

    def _fit(self, rows: int, seconds: float) -> None:
        limits = self._limits
        growth = min(2.0, self._batch_s / max(seconds, 1e-6))
        self.batch_rows = max(1, min(limits.max_batch_rows, int(rows * growth)))
        # A full batch may always wait; the largest one, until the version has proved slow.
        least = limits.max_batch_rows if growth == 2.0 else self.batch_rows
        self.waiting_rows = min(
            limits.max_queue_rows, max(least, int(self._queue_s / max(self.row_s, 1e-9)))
        )
