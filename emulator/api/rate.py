"""The rate limit: a bucket of 4,500 calls an account, and 75 more each minute."""

from collections.abc import Callable

MOST, PER_MINUTE = 4500, 75.0


class Rate:
    """The calls that each account has left. now: returns the platform's seconds."""

    def __init__(
        self, now: Callable[[], float], most: int = MOST, per_minute: float = PER_MINUTE
    ) -> None:
        self.now, self.most, self.per_minute = now, most, per_minute
        self._left: dict[str, tuple[float, float]] = {}

    def remaining(self, account: str) -> int:
        """The number of calls left now."""
        at = self.now()
        left, since = self._left.get(account, (float(self.most), at))
        left = min(float(self.most), left + (at - since) * self.per_minute / 60)
        self._left[account] = (left, at)
        return int(left)

    def take(self, account: str) -> bool:
        """Spend one call; False when none is left."""
        if self.remaining(account) < 1:
            return False

        left, at = self._left[account]
        self._left[account] = (left - 1, at)
        return True

    def set(self, most: int, per_minute: float) -> None:
        """Set another limit, with full buckets for all accounts."""
        self.most, self.per_minute = most, per_minute
        self._left.clear()
