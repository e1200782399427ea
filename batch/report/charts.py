"""The geometry of the charts: bars of shares, those of training beside those of the run."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import filterfalse, pairwise, starmap
from operator import attrgetter

from service.distributions.bins import Distribution

WIDTH, HEIGHT, TOP = 420.0, 130.0, 6.0
MOST_ROWS = 12
ROW_HEIGHT = 18.0
NAME_WIDTH, SHARE_WIDTH = 130.0, 56.0
LONGEST_NAME = 18
TICK_CHARACTER, TICK_GAP = 6.6, 8.0
DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Bin:
    """One bin of both. share: of the rows. unseen: it has what training had not."""

    label: str
    before: float
    now: float
    unseen: bool = False
    null: bool = False

    @property
    def longest(self) -> float:
        """Its longer share."""
        return max(self.before, self.now)

    @property
    def last(self) -> bool:
        """Whether it comes after the values themselves."""
        return self.unseen or self.null


@dataclass(frozen=True)
class Bar:
    """A bin as it is drawn: x, y, width and height of both bars."""

    bin: Bin
    before: tuple[float, float, float, float]
    now: tuple[float, float, float, float]


@dataclass(frozen=True)
class Tick:
    """A label under or beside the bars."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class BarChart:
    """Bars that stand, or lie where they have texts for names. most: share of the longest bar."""

    standing: bool
    height: float
    bars: list[Bar]
    ticks: list[Tick]
    most: float


def chart(before: Distribution, now: Distribution) -> BarChart:
    """The chart of two distributions in the same bins."""
    if now.edges or isinstance(next(iter(now.values), ""), float):
        return _standing(_bins(before, now), _value_labels(now))

    return _lying(_most_frequent(_bins(before, now)))


def _bins(before: Distribution, now: Distribution) -> list[Bin]:
    """All bins, without those that have nothing and are but remainders."""
    labels = [*_labels(now), "null"]
    shares = zip(labels, before.shares, now.shares, strict=True)
    bins = []
    for number, (label, old, new) in enumerate(shares):
        remainder = number == len(labels) - 2 or (bool(now.edges) and number == 0)
        null = number == len(labels) - 1
        if old or new or not (remainder or null):
            bins.append(Bin(label, old, new, remainder, null))

    return bins


def _labels(now: Distribution) -> list[str]:
    if not now.edges:
        return [*_value_labels(now), "not seen in training"]

    texts = _value_labels(now)
    return [f"below {texts[0]}", *starmap(_between, pairwise(texts)), f"above {texts[-1]}"]


def _between(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _value_labels(now: Distribution) -> list[str]:
    """Of the edges, or of few values the values."""
    return list(map(partial(_number, now.unit), now.edges or now.values))


def _number(unit: str, value: str | float) -> str:
    if isinstance(value, str):
        return value
    if unit == "moment":
        moment = EPOCH + timedelta(seconds=value)
        return f"{moment:%Y-%m-%d}" if value % DAY_S == 0 else f"{moment:%Y-%m-%d %H:%M}"

    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _most_frequent(bins: list[Bin]) -> list[Bin]:
    """The longest bars, the others together; what training had not, and nulls, come last."""
    values = sorted(filterfalse(attrgetter("last"), bins), key=attrgetter("longest"), reverse=True)
    if len(values) > MOST_ROWS:
        rest = values[MOST_ROWS - 1 :]
        before, now = sum(map(attrgetter("before"), rest)), sum(map(attrgetter("now"), rest))
        values = [*values[: MOST_ROWS - 1], Bin(f"{len(rest)} others", before, now)]

    return [*values, *filter(attrgetter("last"), bins)]


def _standing(bins: list[Bin], labels: list[str]) -> BarChart:
    most = _longest(bins)
    step = WIDTH / max(1, len(bins))
    bars = []
    for number, one in enumerate(bins):
        x, width = number * step, step * 0.86
        before = _from_below(x, width, one.before / most)
        now = _from_below(x + width * 0.22, width * 0.56, one.now / most)
        bars.append(Bar(one, before, now))

    return BarChart(True, TOP + HEIGHT + 20, bars, list(_ticks(bins, labels, step)), most)


def _from_below(x: float, width: float, share: float) -> tuple[float, float, float, float]:
    height = HEIGHT * share
    return round(x, 1), round(TOP + HEIGHT - height, 1), round(width, 1), round(height, 1)


def _ticks(bins: list[Bin], labels: list[str], step: float) -> list[Tick]:
    """Some of the labels under the bars, as far apart as they are long."""
    first = next((at for at, one in enumerate(bins) if not one.unseen), 0)
    is_edge = len(labels) > len(list(filterfalse(attrgetter("last"), bins)))
    longest = TICK_CHARACTER * max(map(len, labels), default=1)
    room = longest + TICK_GAP
    ticks: list[Tick] = []
    for number, label in enumerate(labels):
        x = (first + number) * step + (0.0 if is_edge else step * 0.43)
        x = min(max(x, longest / 2), WIDTH - longest / 2)
        if not ticks or x - ticks[-1].x >= room:
            ticks.append(Tick(round(x, 1), TOP + HEIGHT + 15, label))

    return ticks


def _lying(bins: list[Bin]) -> BarChart:
    most = _longest(bins)
    room = WIDTH - NAME_WIDTH - SHARE_WIDTH
    bars, ticks = [], []
    for number, one in enumerate(bins):
        y = number * ROW_HEIGHT + 2
        before = (NAME_WIDTH, y, round(room * one.before / most, 1), ROW_HEIGHT - 4)
        now = (NAME_WIDTH, y + 4, round(room * one.now / most, 1), ROW_HEIGHT - 12)
        bars.append(Bar(one, before, now))
        ticks.append(Tick(NAME_WIDTH - 8, y + 11, _short(one.label)))

    return BarChart(False, len(bins) * ROW_HEIGHT + 4, bars, ticks, most)


def _short(text: str) -> str:
    if len(text) <= LONGEST_NAME:
        return text

    return f"{text[:LONGEST_NAME]}…"


def _longest(bins: list[Bin]) -> float:
    return max(map(attrgetter("longest"), bins), default=0.0) or 1.0
