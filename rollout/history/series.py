"""What the history tells: counts per version and step of time, with the numbers made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rollout.history.bins import quantile_delay_s, quantile_ms
from rollout.history.counts import Cell, Counts, Number, merged, merged_cells

PINNED = "pinned"
"""The role of requests that asked for their version: no split sent them there."""
ARRAYS = (
    *("requests", "per_s", "errors", "error_rate", "refused", "served_share"),
    *("p50_ms", "p90_ms", "p99_ms", "mean_ms", "batch_rows", "queue_rows", "fallbacks"),
    *("agree", "compared", "labels", "accuracy", "mean_absolute_error", "label_delay_p50_s"),
)
"""Numbers of `VersionCounts` that a table or a chart has one of for each step."""


@dataclass(frozen=True)
class VersionCounts:
    """The counts of one version in one stretch of time.

    cell: of all roles together, by kind and key as rollout/history/counts.py names them.
    drawn: requests that the split sent to the version. share_of: those of all versions.
    seconds: how long the stretch is."""

    cell: Cell = field(default_factory=dict)
    drawn: int = 0
    share_of: int = 0
    seconds: int = 0

    def of(self, kind: str) -> dict[str, Number]:
        """The counts of one kind, empty where nothing was counted."""
        return self.cell.get(kind, {})

    @property
    def requests(self) -> int:
        """Requests that were answered, pinned ones included; not the copies to a shadow."""
        return int(sum(self.of("requests").values()))

    @property
    def per_s(self) -> float | None:
        """Requests a second."""
        return _rounded(_ratio(self.requests, self.seconds))

    @property
    def errors(self) -> int:
        """Requests that it failed, whether or not another version answered instead."""
        return int(self.of("requests").get("5xx", 0))

    @property
    def error_rate(self) -> float | None:
        """Errors as a part of its requests, 0 to 1; None without requests."""
        return _rounded(_ratio(self.errors, self.requests))

    @property
    def refused(self) -> int:
        """Requests whose rows it refused."""
        return int(self.of("requests").get("4xx", 0))

    @property
    def served_share(self) -> float | None:
        """Its part of the requests that were drawn, 0 to 1; None where none were."""
        return _rounded(_ratio(self.drawn, self.share_of))

    def quantile_ms(self, quantile: float) -> float | None:
        """A quantile of the response times, 4.4 % too long at most; None without requests."""
        return quantile_ms(self.of("latency"), quantile)

    @property
    def p50_ms(self) -> float | None:
        """The median response time."""
        return self.quantile_ms(0.5)

    @property
    def p90_ms(self) -> float | None:
        """What 9 in 10 requests took at most."""
        return self.quantile_ms(0.9)

    @property
    def p99_ms(self) -> float | None:
        """What 99 in 100 requests took at most."""
        return self.quantile_ms(0.99)

    @property
    def mean_ms(self) -> float | None:
        """The mean response time."""
        microseconds = self.of("times").get("us", 0)
        return _rounded(_ratio(microseconds / 1000, self.requests), 3)

    @property
    def batch_rows(self) -> float | None:
        """Rows in a batch, on average."""
        rows = self.of("batch rows").get("rows", 0)
        return _rounded(_ratio(rows, sum(self.of("batches").values())), 2)

    @property
    def queue_rows(self) -> int:
        """The most rows that waited at once on one machine, up to the next power of two."""
        return max((2 ** int(exponent) for exponent in self.of("queue")), default=0)

    @property
    def fallbacks(self) -> int:
        """Requests that another version answered in its place."""
        return int(sum(self.of("fallbacks").values()))

    @property
    def compared(self) -> int:
        """Copies whose answer was compared with the user's."""
        shadow = self.of("shadow")
        return int(sum(shadow.get(outcome, 0) for outcome in ("agree", "differ", "error")))

    @property
    def agree(self) -> float | None:
        """The part of them that agreed, 0 to 1."""
        return _rounded(_ratio(self.of("shadow").get("agree", 0), self.compared))

    @property
    def labels(self) -> int:
        """Late labels that came in this time, whenever their predictions were made."""
        words = ("right", "wrong", "scored", "unscored")
        return int(sum(self.of("labels").get(word, 0) for word in words))

    @property
    def accuracy(self) -> float | None:
        """The part of the classes that were right, 0 to 1, of the labels that came."""
        right, wrong = (self.of("labels").get(word, 0) for word in ("right", "wrong"))
        return _rounded(_ratio(right, right + wrong))

    @property
    def mean_absolute_error(self) -> float | None:
        """The mean absolute error of predicted numbers, of the labels that came."""
        errors = self.of("label error")
        return _rounded(_ratio(errors.get("sum", 0), errors.get("labels", 0)))

    def label_delay_s(self, quantile: float) -> float | None:
        """A quantile of the time from a prediction to its label, of the labels that came."""
        return quantile_delay_s(self.of("label delay"), quantile)

    @property
    def label_delay_p50_s(self) -> float | None:
        """The median of that time."""
        return self.label_delay_s(0.5)


@dataclass(frozen=True)
class Series:
    """Counts per version and step.

    at: the beginning of each step (epoch seconds, UTC), oldest first, without gaps. step: seconds.
    steps: for each of `at`, the counts by version; a version with none is left out.
    as_of: when the newest counts in it were taken (epoch seconds), None where there are none ever;
    age_s: how long ago that is."""

    at: Sequence[int]
    step: int
    steps: Sequence[Mapping[str, VersionCounts]]
    as_of: float | None
    age_s: float | None

    @cached_property
    def versions(self) -> list[str]:
        """The versions that have counts, by name."""
        return sorted({name for counts in self.steps for name in counts})

    @cached_property
    def total(self) -> dict[str, VersionCounts]:
        """The counts of the whole time, by version: quantiles and shares of all of it."""
        drawn = sum(map(_drawn_of_all, self.steps))
        seconds = self.step * len(self.at)
        return {name: self._total_of(name, drawn, seconds) for name in self.versions}

    def array(self, version: str, number: str) -> list[Any]:
        """One of ARRAYS of a version, for each of `at`; None where it cannot be known."""
        empty = VersionCounts(seconds=self.step)
        return [getattr(counts.get(version, empty), number) for counts in self.steps]

    def counts(self, version: str, kind: str) -> dict[str, list[Number]]:
        """The counts of one kind, by key, for each of `at`: `predictions`, `values`, `labels`."""
        empty = VersionCounts()
        rows = [counts.get(version, empty).of(kind) for counts in self.steps]
        keys = sorted({key for row in rows for key in row})
        return {key: [row.get(key, 0) for row in rows] for key in keys}

    def to_json(self, numbers: Sequence[str] = ARRAYS) -> dict[str, Any]:
        """Plain JSON: `at`, `step`, `as_of`, `age_s`, and under `versions` the arrays by name."""
        versions = {}
        for name in self.versions:
            versions[name] = {number: self.array(name, number) for number in numbers}

        return {
            "at": list(self.at),
            "step": self.step,
            "as_of": self.as_of,
            "age_s": self.age_s,
            "versions": versions,
        }

    def _total_of(self, name: str, drawn: int, seconds: int) -> VersionCounts:
        own = [counts[name] for counts in self.steps if name in counts]
        cell = merged_cells(part.cell for part in own)
        return VersionCounts(cell, sum(part.drawn for part in own), drawn, seconds)


def series_of(
    parts: Iterable[tuple[int, Counts]],
    since: int,
    until: int,
    step: int,
    as_of: float | None,
    now: float,
    rollout: str | None = None,
) -> Series:
    """The series of counts by time.

    parts: (epoch seconds, counts), in any order and number. since, until: multiples of `step`;
    until is the end of the last step. rollout: only what was counted while it was in progress."""
    grouped: dict[int, list[Counts]] = {}
    for at, counts in parts:
        if since <= at < until:
            grouped.setdefault(at // step * step, []).append(_only(counts, rollout))

    times = range(since, until, step)
    steps = [by_version(merged(grouped.get(at, ())), step) for at in times]
    age_s = None
    if as_of is not None:
        age_s = round(max(0.0, now - as_of), 1)

    return Series(times, step, steps, as_of, age_s)


def by_version(counts: Counts, seconds: int) -> dict[str, VersionCounts]:
    """The counts of a stretch of time by version, all roles and rollouts together."""
    cells: dict[str, list[Cell]] = {}
    drawn: dict[str, int] = {}
    for key, cell in counts.items():
        if key.version:
            cells.setdefault(key.version, []).append(cell)
            if key.role != PINNED:
                requests = int(sum(cell.get("requests", {}).values()))
                drawn[key.version] = drawn.get(key.version, 0) + requests

    total = sum(drawn.values())
    versions = {}
    for name in sorted(cells):
        cell = merged_cells(cells[name])
        versions[name] = VersionCounts(cell, drawn.get(name, 0), total, seconds)

    return versions


def _only(counts: Counts, rollout: str | None) -> Counts:
    if rollout is None:
        return counts
    return {key: cell for key, cell in counts.items() if key.rollout == rollout}


def _drawn_of_all(counts: Mapping[str, VersionCounts]) -> int:
    return next((one.share_of for one in counts.values()), 0)


def _ratio(part: Number, whole: Number) -> float | None:
    if not whole:
        return None
    return part / whole


def _rounded(number: float | None, digits: int = 6) -> float | None:
    if number is None:
        return None
    return round(number, digits)


def rows(series: Series, versions: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """One flat row for each step and version: `at`, `version`, and ARRAYS.

    versions: those to have, also where they have no counts; by default all that have some."""
    for at, counts in zip(series.at, series.steps, strict=True):
        for name in versions or series.versions:
            one = counts.get(name, VersionCounts(seconds=series.step))
            yield {"at": at, "version": name, **{number: getattr(one, number) for number in ARRAYS}}
