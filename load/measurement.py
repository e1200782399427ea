"""Adds up a run's chunks: per version and per window of time, in bounded memory. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import nan

import numpy as np

from load.engine.plan import LoadChunk
from load.latency_histogram import LatencyHistogram
from load.outcomes import KINDS, OK, REFUSED, SHED, RequestColumns, columns_of

MOST_WINDOWS = 300
NO_VERSION = "-"
"""Answers that name no version: what the router refused or shed, and what was lost."""
WARM_UP_S = 0.5
"""Of the run's begin, in which connections and lanes are new: it is not judged."""


@dataclass
class VersionLoad:
    """What one version answered. counts: by KINDS."""

    name: str
    counts: list[int] = field(default_factory=lambda: [0] * len(KINDS))
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)

    def add(self, kinds: np.ndarray, latencies: np.ndarray) -> None:
        """Count requests. latencies: of those that were answered with 200."""
        for kind, count in enumerate(np.bincount(kinds, minlength=len(KINDS))):
            self.counts[kind] += int(count)

        self.latencies.add(latencies)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.counts)

    @property
    def shed(self) -> float:
        """The share that was shed."""
        return self.counts[SHED] / self.requests if self.requests else 0.0

    @property
    def errors(self) -> float:
        """The share that was neither answered with 200 nor shed."""
        return sum(self.counts[REFUSED:]) / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Window:
    """A part of the run's time. at: its begin (seconds). p50_ms, p99_ms: by version."""

    at: float
    seconds: float
    counts: tuple[int, ...]
    p50_ms: dict[str, float]
    p99_ms: dict[str, float]


class Measurement:
    """One run. seconds: how long it is to be; expected: how many requests will fall due.

    warm_up: how many of those that have ended fell due in the warm-up, and count nowhere else.
    oldest_s: for how long the oldest request waits for its answer."""

    def __init__(self, seconds: float, expected: float = nan) -> None:
        self.seconds, self.expected = seconds, expected
        self.warm_s, self.warm_up = min(WARM_UP_S, seconds / 10), 0
        self.total = VersionLoad("all")
        self.versions: dict[str, VersionLoad] = {}
        self.own_delay = LatencyHistogram()
        self.windows: list[Window] = []
        self.window_s = max(1.0, seconds / MOST_WINDOWS)
        self.waited = self.dropped = 0
        self.oldest_s = 0.0
        self.at = self._busy_s = self._window_begin = 0.0
        self._begin_window()

    def add(self, chunk: LoadChunk) -> None:
        """Add the requests of a chunk, of all its streams."""
        for raw in chunk.columns.values():
            every = columns_of(raw)
            columns = every.where(every.intended >= self.warm_s)
            self.warm_up += len(every) - len(columns)
            if len(columns):
                self._count(columns, chunk.versions)

        passed = chunk.at - max(self.at, 0.0)
        self._busy_s += chunk.busy * max(passed, 0.0)
        self.at, self.dropped, self.oldest_s = chunk.at, chunk.dropped, chunk.oldest_s
        if self.at >= self._window_begin + self.window_s or chunk.last:
            self._close_window()

    @property
    def busy(self) -> float:
        """The share of one processor that the generator used."""
        return self._busy_s / self.at if self.at > 0 else 0.0

    @property
    def answered_s(self) -> float:
        """Answers with 200 a second."""
        return self.total.counts[OK] / self._judged_s

    @property
    def offered_s(self) -> float:
        """Requests a second that fell due."""
        return self.total.requests / self._judged_s

    @property
    def _judged_s(self) -> float:
        """Seconds of the run without its warm-up."""
        return max(min(self.at, self.seconds) - self.warm_s, 1e-9)

    def _count(self, columns: RequestColumns, versions: list[str]) -> None:
        kinds, latency = columns.kinds(), columns.latency
        good = kinds == OK
        self.own_delay.add(np.maximum(columns.own_delay, 0.0))
        self.waited += len(columns) - len(columns.own_delay)
        self.total.add(kinds, latency[good])
        self._window_counts += np.bincount(kinds, minlength=len(KINDS))
        for name, chosen in _by_version(columns, versions):
            answered = latency[chosen & good]
            self.versions.setdefault(name, VersionLoad(name)).add(kinds[chosen], answered)
            self._window_latencies.setdefault(name, []).append(answered)

    def _begin_window(self) -> None:
        self._window_counts = np.zeros(len(KINDS), np.int64)
        self._window_latencies: dict[str, list[np.ndarray]] = {}

    def _close_window(self) -> None:
        begin, seconds = self._window_begin, self.at - self._window_begin
        if seconds > 0:
            p50 = _percentiles(self._window_latencies, 50)
            p99 = _percentiles(self._window_latencies, 99)
            counts = tuple(map(int, self._window_counts))
            self.windows.append(Window(begin, seconds, counts, p50, p99))
            self._window_begin = self.at
            self._begin_window()


def _by_version(columns: RequestColumns, versions: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The name and a mask of each version that there is."""
    for number in np.unique(columns.version):
        name = versions[number] if number >= 0 else NO_VERSION
        yield name, columns.version == number


def _percentiles(latencies: dict[str, list[np.ndarray]], percent: float) -> dict[str, float]:
    shown: dict[str, float] = {}
    for name, parts in latencies.items():
        seconds = np.concatenate(parts)
        if len(seconds):
            shown[name] = float(np.percentile(seconds, percent)) * 1000

    return shown
