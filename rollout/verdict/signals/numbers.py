"""A signal's counts as people read them: rates, their difference, and its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rollout.state.split import ALL
from rollout.verdict.sequential import Tables, interval, means

NO_DATA = "no data yet"
AT_HALF = "compared at 50 %"


@dataclass(frozen=True)
class Band:
    """A difference of rates, as parts of one: the candidate's less the stable version's.

    low, high: its ends, which hold at all times at once (95 %). allowed: the tolerance where it is
    not the rule's. both_ways: whether less is as noteworthy as more.
    """

    low: float
    estimate: float
    high: float
    allowed: float | None = None
    both_ways: bool = False

    def __str__(self) -> str:
        """`+0.20 pp [-0.10, +0.50]`."""
        return f"{100 * self.estimate:+.2f} pp [{100 * self.low:+.2f}, {100 * self.high:+.2f}]"


@dataclass(frozen=True)
class SignalNumbers:
    """The counts of one signal in words.

    share: of the requests that go to the candidate, on which the time to its proof depends; None
    where it does not. unit: what is counted, where it is not requests. band: of the difference,
    where it is one of rates.
    """

    candidate: str = "-"
    stable: str = "-"
    difference: str = NO_DATA
    share: float | None = None
    unit: str = ""
    band: Band | None = None

    @property
    def has_counts(self) -> bool:
        """Whether anything was counted."""
        return self.difference not in (NO_DATA, AT_HALF)


def rates(
    tables: Tables, centre: float, share: float | None, shown: Callable[[float], str]
) -> SignalNumbers:
    """Both rates as `shown` writes them, and the interval of their difference."""
    if not tables:
        return SignalNumbers(share=share)

    counts = np.sum(list(tables.values()), axis=0)
    if not counts[0].any():
        return SignalNumbers(share=share)

    candidate, stable = means(counts)
    band = Band(*interval(tables, centre))
    return SignalNumbers(shown(float(candidate)), shown(float(stable)), str(band), share, band=band)


def percent(rate: float) -> str:
    """`0.25 %`."""
    return f"{100 * rate:.2f} %"


def drawn_share(weight: int) -> float | None:
    """The candidate's share at this weight (basis points); None where no request is drawn."""
    if 0 < weight < ALL:
        return weight / ALL
    return None
