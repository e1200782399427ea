"""The traffic that a rollout will meet, and how its router turns it into evidence."""

import math
from dataclasses import dataclass, field

from rollout.verdict.baseline import Reference

PAIR_S = 0.005
"""What a pair is taken to take; it matters only where requests are many."""


@dataclass(frozen=True)
class Traffic:
    """Users' requests, taken to come independently and at one rate to the end.

    rate: a second, above 0; seen: how many it was measured by, inf where somebody says it.
    reference: what is normal; answered: how many requests of the stable version it was taken from.
    """

    rate: float
    seen: float = math.inf
    reference: Reference = field(default_factory=Reference)
    answered: int = 0


@dataclass(frozen=True)
class Pace:
    """How a router makes evidence of requests.

    workers: its processes; pairs_per_s: requests of a second that each of them asks both versions,
    at most; 0: none. compare_s: seconds between two batches that it asks both for their speed;
    cold_s: seconds without them at the start."""

    workers: int = 1
    pairs_per_s: float = 0.0
    compare_s: float = 0.1
    cold_s: float = 5.0

    def pairs(self, rate: float) -> float:
        """Pairs a second at this rate of requests: after a pair and its pause, the next request is
        one.
        """
        if not self.pairs_per_s:
            return 0.0

        pause_s = PAIR_S + 1 / self.pairs_per_s
        return 1 / (1 / rate + pause_s / self.workers)

    def asked(self, rate: float, share: float) -> float:
        """Requests and copies a second that the candidate is asked at this share of the requests:
        those that are drawn for it, and the others that are pairs.
        """
        return share * rate + (1 - share) * self.pairs(rate)

    def batches(self, seconds: float) -> float:
        """Batches compared in the first seconds of a rollout."""
        return self.workers * max(0.0, seconds - self.cold_s) / self.compare_s
