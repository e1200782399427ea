"""All charts of one view of the page."""

from router.watching.charts.chart import Chart
from router.watching.charts.label_chart import label_chart
from router.watching.charts.signal_charts import signal_charts
from router.watching.charts.split_chart import split_chart
from router.watching.charts.traffic_charts import traffic_charts
from router.watching.sources.page_sources import PageSources


def all_charts(sources: PageSources) -> dict[str, Chart]:
    """The charts by their ids."""
    charts = [split_chart(sources), *traffic_charts(sources), label_chart(sources)]
    rollout = sources.ledger.rollout
    if rollout is not None and sources.report is not None:
        moments = [moment for moment in sources.moments if moment.rollout == rollout.id]
        names = [signal["name"] for signal in sources.report["signals"]]
        charts += signal_charts(moments, names, sources.colours[rollout.candidate])

    return {chart.id: chart for chart in charts}
