"""The split over time: what was asked for, and what was served."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from router.watching.charts.chart import Chart, Line, Value, chart
from router.watching.sources.act_list import RecordedAct
from router.watching.sources.page_sources import PageSources


def split_chart(sources: PageSources) -> Chart:
    """Shares in percent, by version: asked as dashed steps, served as lines."""
    series, at = sources.series, _times(sources)
    names = [name for name in sources.colours if _has_share(sources, name)]
    lines = []
    for name in names:
        colour = sources.colours[name]
        asked = asked_shares(sources.acts, name, at)
        lines.append(Line(f"{name} asked", asked, colour, "dashed", steps=True))
        if series is not None:
            parts = list(map(_percent, series.array(name, "served_share")))
            served = [parts[bisect_right(series.at, moment) - 1] for moment in at]
            lines.append(Line(f"{name} served", served, colour))

    return chart("split", "Share of the requests", " %", at, lines, top=100.0, bottom=0.0)


def asked_shares(acts: Sequence[RecordedAct], name: str, at: Sequence[float]) -> list[Value]:
    """The share of a version in percent at each time, by the acts (newest first)."""
    oldest_first = list(reversed(acts))
    times = list(map(attrgetter("at"), oldest_first))
    shares: list[Value] = []
    for moment in at:
        index = bisect_right(times, moment) - 1
        shares.append(oldest_first[index].asked.get(name, 0) / 100 if index >= 0 else None)

    return shares


def _times(sources: PageSources) -> list[float]:
    """The steps of the series, and between them the acts, at which what is asked for changes."""
    if sources.series is None:
        return [sources.span.since, sources.at]

    times: set[float] = set(sources.series.at)
    first, last = sources.series.at[0], sources.series.at[-1]
    for act in sources.acts:
        if first < act.at < last:
            times.add(round(act.at, 3))

    return sorted(times)


def _has_share(sources: PageSources, name: str) -> bool:
    """Whether it had users in this time, or was to have them."""
    since = [act for act in sources.acts if act.at >= sources.span.since]
    before = [act for act in sources.acts if act.at < sources.span.since][:1]
    if any(act.asked.get(name) for act in [*since, *before]):
        return True
    return sources.series is not None and name in sources.series.versions


def _percent(part: float | None) -> Value:
    if part is None:
        return None
    return round(100 * part, 2)
