"""How right the versions are, by the labels that came over time."""

from router.watching.charts.chart import Chart, Line, chart
from router.watching.sections.label_maturity import usual_delay_s
from router.watching.sources.page_sources import PageSources


def label_chart(sources: PageSources) -> Chart:
    """Accuracy in percent, or the mean absolute error of predicted numbers."""
    series = sources.series
    if series is None:
        return chart("accuracy", "Right answers", " %", [], [])

    names = sources.counted_names
    number, title, unit, factor = "accuracy", "Right answers, by labels", " %", 100.0
    if any(series.total[name].mean_absolute_error is not None for name in names):
        number, title, unit, factor = "mean_absolute_error", "Mean absolute error", "", 1.0

    lines = []
    for name in names:
        parts = series.array(name, number)
        values = [None if part is None else round(factor * part, 3) for part in parts]
        if any(value is not None for value in values):
            lines.append(Line(name, values, sources.colours[name]))

    delay = usual_delay_s(series.total.values())
    immature_s = None if delay is None else sources.at - delay
    return chart("accuracy", title, unit, [*series.at], lines, immature_s=immature_s)
