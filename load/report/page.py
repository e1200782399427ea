"""The page about a load test: one HTML file that needs nothing else, without scripts."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import filterfalse
from math import isnan
from operator import attrgetter
from pathlib import Path

import jinja2

from load.latency_histogram import LatencyHistogram
from load.limits import LoadLimits, shares
from load.measurement import NO_VERSION, Measurement
from load.outcomes import KINDS
from load.report.line_chart import LineChart, LineSeries, line_chart
from load.run_load import LoadResult

FOLDER = Path(__file__).parent
PERCENTS = (*range(0, 100, 2), 99.0, 99.5, 99.9, 99.99, 100.0)


@dataclass(frozen=True)
class LoadPage:
    """What the page says beside the measurement: the model, the shape in words, and when (ISO)."""

    model: str
    shape: str
    address: str
    at: str


def page(about: LoadPage, result: LoadResult, limits: LoadLimits) -> str:
    """The page of a load test."""
    style = (FOLDER / "page.css").read_text()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"ms": _ms, "percent": _percent, "count": "{:,.0f}".format}
    measured = result.shown
    return environment.get_template("page.html").render(
        about=about,
        result=result,
        measured=measured,
        versions=sorted(measured.versions.values(), key=attrgetter("name")),
        real=shares(list(measured.versions.values())),
        limits=limits,
        charts=list(_charts(result, limits)),
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _charts(result: LoadResult, limits: LoadLimits) -> Iterator[LineChart]:
    measured = result.shown
    if len(result.runs) > 1:
        yield from filter(None, [_search(result, limits)])

    for percent, limit in ((50, limits.p50_ms), (99, limits.p99_ms)):
        series = [_times(measured, name, percent) for name in _names(measured)]
        title = f"p{percent} over time"
        yield from filter(None, [line_chart(title, "ms by second", series, limit=limit)])

    yield from filter(None, [_rates(measured), _distributions(measured)])


def _times(measured: Measurement, name: str, percent: int) -> LineSeries:
    """A version's percentile, window by window."""
    points = []
    for window in measured.windows:
        took = (window.p50_ms if percent == 50 else window.p99_ms).get(name)
        if took is not None:
            points.append((window.at + window.seconds, took))

    return LineSeries(name, points)


def _search(result: LoadResult, limits: LoadLimits) -> LineChart | None:
    """The p99 of each rate that was tried."""
    tried = sorted((run.level, run.measured.total.latencies.ms(99)) for run in result.runs)
    points = list(filterfalse(lambda point: isnan(point[1]), tried))
    series = [LineSeries("p99", points, dots=True)]
    return line_chart("p99 by rate", "ms by requests/s", series, True, limits.p99_ms)


def _rates(measured: Measurement) -> LineChart | None:
    series = []
    for kind, word in enumerate(KINDS):
        points = []
        for window in measured.windows:
            points.append((window.at + window.seconds, window.counts[kind] / window.seconds))

        if measured.total.counts[kind]:
            series.append(LineSeries(word, points))

    return line_chart("Answers a second", "requests/s by second", series)


def _distributions(measured: Measurement) -> LineChart | None:
    series = []
    for name in _names(measured):
        series.append(LineSeries(name, _percentiles(measured.versions[name].latencies)))

    return line_chart("Latencies", "ms by percentile", series, logarithmic=True)


def _percentiles(latencies: LatencyHistogram) -> list[tuple[float, float]]:
    if not len(latencies):
        return []

    return [(percent, latencies.ms(percent)) for percent in PERCENTS]


def _names(measured: Measurement) -> list[str]:
    return sorted(measured.versions.keys() - {NO_VERSION})


def _ms(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:.2f} ms".replace(" ", "\N{NO-BREAK SPACE}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %".replace(" ", "\N{NO-BREAK SPACE}")
