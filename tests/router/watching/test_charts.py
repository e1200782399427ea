"""Charts as data: their lines are the sources' numbers, and their sentence says them."""

import pytest

from rollout.history.moments import KeptMoment
from rollout.verdict.words.earlier_words import as_of_today
from router.watching.charts.all_charts import all_charts
from router.watching.charts.signal_charts import band_chart, evidence_chart
from router.watching.charts.split_chart import asked_shares
from router.watching.sources.verdict_moments import VerdictMoment, moment_of, signals_of, thinned
from tests.rollout.verdict.test_report import EVERYTHING, GOOD, report_of
from tests.router.watching.page_factory import CANARY, NOW, act, counts, series, sources

REPORT = as_of_today(report_of(*GOOD))


def moments(*reports: dict) -> list[VerdictMoment]:
    """A moment each second, of the rollout of v2."""
    assert CANARY.rollout is not None
    return [
        VerdictMoment(NOW - 50 + number, CANARY.rollout.id, 0.0, signals_of(report))
        for number, report in enumerate(reports)
    ]


def lines(chart) -> dict[str, list]:
    """The values of a chart by the names of its lines."""
    return {line.name: list(line.values) for line in chart.lines}


def test_the_split_asked_is_that_of_the_acts() -> None:
    acts = [act(2, 20.0, asked={"v1": 7_500, "v2": 2_500}), act(1, 10.0)]
    assert asked_shares(acts, "v1", [5, 10, 19, 20, 30]) == [None, 100.0, 100.0, 75.0, 75.0]
    assert asked_shares(acts, "v2", [15, 25]) == [0.0, 25.0]


def test_the_split_served_is_that_of_the_counts() -> None:
    seen = series(
        (NOW - 95, counts(v1={"requests": {"2xx": 75}}, v2={"requests": {"2xx": 25}})),
        (NOW - 5, counts(v1={"requests": {"2xx": 10}})),
    )
    split = all_charts(sources(series=seen))["split"]
    assert lines(split)["v2 served"][0] == 25.0
    assert lines(split)["v1 served"][-1] == 100.0
    assert "v1 served last 100 %" in split.sentence


def test_the_split_asked_changes_at_the_act_and_not_at_the_next_step() -> None:
    seen = series((NOW - 95, counts(v1={"requests": {"2xx": 75}})))
    acts = [act(2, NOW - 47.5, asked={"v2": 10_000}), act(1, NOW - 99)]
    split = all_charts(sources(series=seen, acts=acts))["split"]
    asked = dict(zip(split.at, lines(split)["v1 asked"], strict=True))
    assert (asked[NOW - 50], asked[NOW - 47.5], asked[NOW - 40]) == (100.0, 0.0, 0.0)


def test_requests_and_errors_are_per_version() -> None:
    seen = series((NOW - 95, counts(v1={"requests": {"2xx": 90, "5xx": 10}})))
    charts = all_charts(sources(series=seen))
    assert lines(charts["requests"])["v1"][0] == 10.0
    assert lines(charts["errors"])["v1"][0] == 10.0
    assert charts["times"].greyed.startswith("v2 has")


def test_without_a_history_charts_are_empty_and_say_so() -> None:
    charts = all_charts(sources())
    assert charts["requests"].sentence == "Requests a second: no data yet."
    assert list(charts["requests"].at) == []


def test_a_band_has_both_lines_in_percentage_points() -> None:
    band = band_chart(moments(REPORT, REPORT), "errors", "v1")
    assert band is not None
    signal = next(row for row in REPORT["signals"] if row["name"] == "errors")
    low, estimate, high = signal["band"]
    values = lines(band)
    assert values["low end"][-1] == pytest.approx(100 * low, abs=1e-3)
    assert values["difference"][-1] == pytest.approx(100 * estimate, abs=1e-3)
    assert values["high end"][-1] == pytest.approx(100 * high, abs=1e-3)
    assert values["more is worse"] == [0.0, 0.0]
    assert values["proved not worse below"] == [0.5, 0.5]


def test_predictions_differ_in_both_directions_and_have_no_proof() -> None:
    band = band_chart(moments(as_of_today(report_of(*EVERYTHING))), "prediction", "v1")
    assert band is not None
    values = lines(band)
    assert values["more differs"] == [2.0]
    assert values["less differs"] == [-2.0]
    assert "proved not worse below" not in values


def test_evidence_is_in_percent_of_what_decides() -> None:
    chart = evidence_chart(moments(REPORT), "errors")
    assert lines(chart)["decides"] == [100.0]
    assert lines(chart)["proof"][0] >= 100.0
    assert lines(chart)["evidence against"][0] < 100.0


def test_latency_has_evidence_and_no_band() -> None:
    assert band_chart(moments(REPORT), "latency", "v1") is None
    assert lines(evidence_chart(moments(REPORT), "latency"))["proof"][0] > 0


def test_only_moments_of_the_rollout_in_progress_are_drawn() -> None:
    other = [VerdictMoment(NOW - 60, "another:1", 0.0, signals_of(REPORT))]
    charts = all_charts(sources(moments=[*other, *moments(REPORT)], report=REPORT))
    assert list(charts["band-errors"].at) == [NOW - 50]


def test_a_kept_moment_of_an_earlier_sluice_has_evidence_alone() -> None:
    report = {**REPORT, "signals": [{**row} for row in REPORT["signals"]]}
    for signal in report["signals"]:
        del signal["band"]

    kept = moment_of(KeptMoment(NOW, 3, "v1", {"v1": 10_000}, {"id": "r:1"}, report))
    assert kept.rollout == "r:1"
    assert kept.signals["errors"].estimate is None
    assert (kept.signals["errors"].proof or 0) > 100


def test_many_moments_are_thinned_evenly_and_the_last_one_stays() -> None:
    many = [VerdictMoment(float(at), "r") for at in range(5_000)]
    few = thinned(many, 100)
    assert len(few) <= 100
    assert few[0] is many[0]
    assert few[-1] is many[-1]
