"""Requests, errors and response times per version over time."""

from collections.abc import Callable

from router.watching.charts.chart import Chart, Line, Value, chart
from router.watching.sections.comparability import why_times_differ
from router.watching.sources.page_sources import PageSources


def traffic_charts(sources: PageSources) -> list[Chart]:
    """The charts; empty ones without a history."""
    return [
        _chart(sources, "requests", "Requests a second", "/s", ("per_s",)),
        _chart(sources, "errors", "Requests that failed", " %", ("error_rate",), _percent),
        _chart(
            sources,
            "times",
            "Response time",
            " ms",
            ("p50_ms", "p99_ms"),
            greyed=why_times_differ(sources),
        ),
    ]


def _same(value: Value) -> Value:
    return value


def _percent(part: Value) -> Value:
    if part is None:
        return None
    return round(100 * part, 3)


def _chart(
    sources: PageSources,
    chart_id: str,
    title: str,
    unit: str,
    numbers: tuple[str, ...],
    shown: Callable[[Value], Value] = _same,
    greyed: str = "",
) -> Chart:
    series = sources.series
    if series is None:
        return chart(chart_id, title, unit, [], [], greyed)

    lines = []
    for name in sources.counted_names:
        for position, number in enumerate(numbers):
            values = list(map(shown, series.array(name, number)))
            label = name if len(numbers) == 1 else f"{name} {number.removesuffix('_ms')}"
            style = "dashed" if position else "solid"
            lines.append(Line(label, values, sources.colours[name], style))

    return chart(chart_id, title, unit, [*series.at], lines, greyed)
