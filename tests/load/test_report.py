"""The page about a load test, and the geometry of its charts."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.limits import FAIL, LoadLimits, LoadVerdict, judged
from load.measurement import Measurement
from load.report.line_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, LineSeries, line_chart
from load.report.page import LoadPage, page
from load.run_load import LoadResult, LoadRun
from tests.load.load_factory import chunk, measured

LIMITS = LoadLimits(50, 250, 0.001, 0.01)
numbers = st.floats(0, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(numbers, numbers), min_size=1), st.booleans(), st.floats(0.1, 1e6))
def test_every_point_and_tick_is_within_the_chart(points, logarithmic, limit):
    chart = line_chart("t", "w", [LineSeries("v1", points, dots=True)], logarithmic, limit)
    if chart is None:
        assert logarithmic
        assert not any(y > 0 for _, y in points)
        return

    xs, ys = zip(*chart.lines[0].dots, strict=True)
    marks = [chart.limit.position] if chart.limit else []
    heights = [*ys, *(tick.position for tick in chart.y_ticks), *marks]
    assert all(TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for y in heights)
    assert all(LEFT <= x <= WIDTH - RIGHT for x in [*xs, *(t.position for t in chart.x_ticks)])
    assert 2 <= len(chart.x_ticks) <= 11


def test_a_larger_number_is_higher_and_later_further_right():
    chart = line_chart("t", "w", [LineSeries("v1", [(0, 1), (5, 10), (10, 2)], dots=True)])
    (x0, y0), (x1, y1), (x2, y2) = chart.lines[0].dots
    assert x0 < x1 < x2
    assert y1 < y2 < y0


def test_a_limit_far_above_the_lines_is_not_drawn():
    low = [LineSeries("v1", [(0, 1), (1, 2)])]
    assert line_chart("t", "w", low, limit=250).limit is None
    assert line_chart("t", "w", low, limit=4).limit.text == "limit 4"


def test_nothing_measured_has_no_chart():
    assert line_chart("t", "w", [LineSeries("v1", [])]) is None


class Tags(HTMLParser):
    """Which tags a page has, and whatever it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href")]


def tags_of(text: str) -> Tags:
    """The tags of a page."""
    parsed = Tags()
    parsed.feed(text)
    return parsed


def two_versions() -> Measurement:
    """A run that two versions answered, some requests of which were lost."""
    made = Measurement(10)
    for second in range(1, 10):
        at = float(second)
        requests = [(at + n / 60, at + n / 60, at + n / 50, 200, n % 2, 0) for n in range(50)]
        made.add(chunk([*requests, (at, at, -1.0, 0, -1, 0)], at + 1.1))

    return made


def test_a_page_has_all_charts_and_loads_nothing():
    made = two_versions()
    result = LoadResult(judged(made, LIMITS), [LoadRun(50.0, made, judged(made, LIMITS))])
    text = page(LoadPage("flights", "constant", "http://127.0.0.1:1", "2026"), result, LIMITS)
    parsed = tags_of(text)
    assert parsed.tags.count("polyline") == 2 + 2 + 2 + 2
    assert parsed.loads == []
    assert "script" not in parsed.tags
    assert "<b>fail</b>" in text


@pytest.mark.parametrize("count", [1, 3])
def test_a_search_shows_the_run_at_its_limit_and_all_that_were_tried(count):
    kept = measured(count=1_000)
    broken = measured(count=500, status=500, bad=400)
    runs = [LoadRun(100.0 * n, kept, judged(kept, LIMITS)) for n in range(1, count + 1)]
    runs.append(LoadRun(900.0, broken, judged(broken, LIMITS)))
    result = LoadResult(LoadVerdict("pass"), runs, limit=100.0 * count)
    assert result.shown is kept
    text = page(LoadPage("flights", "find-limit", "", ""), result, LIMITS)
    assert tags_of(text).tags.count("circle") == count + 1


def test_no_name_is_markup():
    made = Measurement(10)
    made.add(chunk([(1, 1, 2, 200, 0, 0)], 10.0, versions=("<script>alert(1)</script>",)))
    result = LoadResult(
        LoadVerdict(FAIL, ("<img src=x>",)), [LoadRun(1.0, made, LoadVerdict(FAIL))]
    )
    text = page(LoadPage("<b>", "<i>", "<u>", "<s>"), result, LIMITS)
    assert not {"script", "img", "i", "u", "s"} & set(tags_of(text).tags)
