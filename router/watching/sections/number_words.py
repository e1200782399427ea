"""Numbers as the page shows them; what is not known is a dash."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from rollout.durations import shown_seconds

NOTHING = "–"
NARROW = "\u00a0"
"""Between a number and its unit, so that no line ends between them."""


def shown(number: float | None) -> str:
    """At most four digits behind the point, as few as say it."""
    if number is None:
        return NOTHING
    if isinstance(number, int) or number == int(number):
        return f"{int(number):,}"
    return f"{number:.4g}"


def count(number: float | None) -> str:
    """`35,737`."""
    if number is None:
        return NOTHING
    return f"{int(number):,}"


def percent(part: float | None, digits: int = 1) -> str:
    """`12.5 %` of a part of one; the last digits are left out where they are zero."""
    if part is None:
        return NOTHING
    return f"{round(100 * part, digits):g}{NARROW}%"


def share(points: float) -> str:
    """`12.5 %` of basis points."""
    return f"{points / 100:g}{NARROW}%"


def milliseconds(ms: float | None) -> str:
    """`0.27 ms`, `5.2 ms`, `141 ms`."""
    if ms is None:
        return NOTHING
    return f"{ms:.3g}{NARROW}ms"


def rate(per_s: float | None) -> str:
    """`940/s`, or by the minute or the hour where that is few."""
    if per_s is None:
        return NOTHING
    if per_s == 0 or per_s >= 1:
        return f"{per_s:,.0f}/s"
    if per_s >= 1 / 60:
        return f"{60 * per_s:.2g}/min"
    return f"{3600 * per_s:.2g}/h"


def iso(at: float) -> str:
    """A time in UTC as HTML and addresses have it."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def day_and_time(at: float) -> str:
    """`2026-05-01 12:03:05 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def with_code(text: str) -> Markup:
    """Escaped text whose parts in backticks are code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)

    made = Markup()
    for position, part in enumerate(parts):
        made += Markup("<code>{}</code>").format(part) if position % 2 else escape(part)

    return made


FILTERS = {
    "shown": shown,
    "count": count,
    "percent": percent,
    "share": share,
    "ms": milliseconds,
    "rate": rate,
    "iso": iso,
    "day_and_time": day_and_time,
    "duration": shown_seconds,
    "with_code": with_code,
}
"""By their names in templates."""
