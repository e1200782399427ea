"""The geometry of a chart of lines: numbers to positions in an SVG of 640 x 200. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, floor, log10
from operator import attrgetter, itemgetter

WIDTH, HEIGHT = 640.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 8.0, 24.0
COLOURS = 6
TICKS = 5


@dataclass(frozen=True)
class LineSeries:
    """One line: points in the order of x. dots: draws each point as well."""

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True)
class DrawnLine:
    """A line as it is drawn. points: as SVG has them; dots: positions of points to mark."""

    name: str
    colour: int
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class AxisTick:
    """A number at a position of an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class LineChart:
    """A chart. limit: the position and the text of a level that is to be kept, None without one."""

    title: str
    what: str
    lines: tuple[DrawnLine, ...]
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    limit: AxisTick | None


def line_chart(
    title: str,
    what: str,
    series: Sequence[LineSeries],
    logarithmic: bool = False,
    limit: float | None = None,
) -> LineChart | None:
    """The chart, None without a point. what: both axes in words. logarithmic: of the upright axis.
    limit: a level that is drawn where it is near the lines.
    """
    points = list(chain.from_iterable(map(attrgetter("points"), series)))
    if logarithmic:
        points = list(filter(itemgetter(1), points))

    if not points:
        return None

    xs, ys = zip(*points, strict=True)
    right, top = max(xs) or 1.0, max(ys) or 1.0
    if limit is not None and limit <= 3 * top:
        top = max(top, limit * 1.05)
    else:
        limit = None

    lowest = 0.0
    if logarithmic:
        lowest = min(ys) if limit is None else min(*ys, limit)

    scale = _Scale(lowest, top, logarithmic)
    lines = []
    for number, one in enumerate(series):
        positions = []
        for x, y in one.points:
            if y > 0 or not logarithmic:
                positions.append((_x(x / right), scale.position(y)))

        drawn = " ".join(f"{x},{y}" for x, y in positions)
        dots = tuple(positions) if one.dots else ()
        lines.append(DrawnLine(one.name, number % COLOURS, drawn, dots))

    x_ticks = tuple(AxisTick(_x(at / right), f"{at:,g}") for at in _round_numbers(right))
    y_ticks = tuple(AxisTick(scale.position(at), f"{at:,g}") for at in scale.numbers())
    marked = None if limit is None else AxisTick(scale.position(limit), f"limit {limit:g}")
    return LineChart(title, what, tuple(lines), x_ticks, y_ticks, marked)


@dataclass(frozen=True)
class _Scale:
    """The upright axis."""

    lowest: float
    top: float
    logarithmic: bool

    def position(self, value: float) -> float:
        if self.logarithmic:
            low, high = self._decades()
            share = (log10(value) - low) / (high - low)
        else:
            share = value / self.top

        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def numbers(self) -> list[float]:
        if not self.logarithmic:
            return _round_numbers(self.top)

        low, high = self._decades()
        return [10.0**exponent for exponent in range(low, high + 1)]

    def _decades(self) -> tuple[int, int]:
        low = floor(log10(self.lowest))
        return low, max(low + 1, ceil(log10(self.top)))


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _round_numbers(top: float) -> list[float]:
    """From 0 up to `top`, about five of them."""
    rough = top / TICKS
    magnitude = 10.0 ** floor(log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
    return [round(number * step, 10) for number in range(floor(top / step + 1e-9) + 1)]
