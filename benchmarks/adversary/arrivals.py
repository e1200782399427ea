"""When requests come, and of whom: a Poisson stream of rows, and users who come again."""

import random
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

ROWS = 1_000_000
"""Rows are the whole numbers below this."""


class Users:
    """A fixed number of users, the k-th of whom comes 1/k as often as the first (Zipf)."""

    def __init__(self, count: int, seed: int) -> None:
        self._until = list(accumulate(1 / (rank + 1) for rank in range(count)))
        self._names = [b"user-%d-%d" % (seed, rank) for rank in range(count)]

    def one(self, chance: random.Random) -> bytes:
        """Who comes next."""
        return self._names[bisect_right(self._until, chance.random() * self._until[-1])]


def times(chance: random.Random, rate: float, until_s: float) -> Iterator[float]:
    """Seconds at which requests come. rate: requests a second."""
    now = chance.expovariate(rate)
    while now < until_s:
        yield now
        now += chance.expovariate(rate)


def row(chance: random.Random) -> bytes:
    """Any row, as raw JSON."""
    return b"%d" % chance.randrange(ROWS)
