"""Lists and numbers as sentences have them."""

from collections.abc import Iterable


def joined(words: Iterable[str]) -> str:
    """`errors, labels and latency`; empty without words."""
    *before, last = [*words] or [""]
    if before:
        return f"{', '.join(before)} and {last}"
    return last


def about(number: float) -> str:
    """Three digits of a number: `72,100`."""
    if number < 1000:
        return f"{number:.0f}"
    return f"{float(f'{number:.3g}'):,.0f}"


def percent(part: float) -> str:
    """`5 %`, `0.1 %` of a part of one."""
    return f"{100 * part:.3g} %"


def rate(per_s: float) -> str:
    """`620 a second`, or by the minute or the hour where that is few."""
    if per_s >= 0.95:
        return f"{about(per_s)} a second"
    if per_s >= 0.95 / 60:
        return f"{about(60 * per_s)} a minute"
    return f"{3600 * per_s:.2g} an hour"
