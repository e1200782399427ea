"""A signal's counts as people read them: rates, their difference, and its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rollout.state.split import ALL
from rollout.verdict.sequential import Tables, interval, means

NO_DATA = "no data yet"
AT_HALF = "compared at 50 %"


@dataclass(frozen=True)
class SignalNumbers:
    """The counts of one signal in words.

    share: of the requests that go to the candidate, on which the time to its proof depends; None
    where it does not. unit: what is counted, where it is not requests. band: low end, estimate and
    high end of the difference of two rates (0.01 is one percentage point); None where only words
    say it. tolerance: of that difference, where it is not the rule's.
    """

    candidate: str = "-"
    stable: str = "-"
    difference: str = NO_DATA
    share: float | None = None
    unit: str = ""
    band: tuple[float, float, float] | None = None
    tolerance: float | None = None

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
    low, estimate, high = map(float, interval(tables, centre))
    return SignalNumbers(
        shown(float(candidate)),
        shown(float(stable)),
        spread(low, estimate, high),
        share,
        band=(low, estimate, high),
    )


def spread(low: float, estimate: float, high: float) -> str:
    """`+0.20 pp [-0.10, +0.50]`."""
    return f"{100 * estimate:+.2f} pp [{100 * low:+.2f}, {100 * high:+.2f}]"


def percent(rate: float) -> str:
    """`0.25 %`."""
    return f"{100 * rate:.2f} %"


def drawn_share(weight: int) -> float | None:
    """The candidate's share at this weight (basis points); None where no request is drawn."""
    if 0 < weight < ALL:
        return weight / ALL
    return None
