"""Counts the answers of a replay by the version that answered."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from examples.flights.client import Answer

NOBODY = "(no answer)"


@dataclass
class Tally:
    """One version's answers.

    requests, failures: all of them, and those that failed. latencies: seconds of the good answers.
    fallbacks: requests to this version that another one answered in its place.
    """

    requests: int = 0
    failures: int = 0
    fallbacks: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"), repr=False)

    def quantile_ms(self, q: float) -> float | None:
        """The quantile `q` of the good answers' latency in milliseconds, None without any."""
        if not self.latencies:
            return None

        return float(np.quantile(self.latencies, q)) * 1000

    def figures(self) -> dict[str, Any]:
        """The counts and the median and 99th percentile of latency, as plain values."""
        p50, p99 = self.quantile_ms(0.5), self.quantile_ms(0.99)
        return {
            "requests": self.requests,
            "failures": self.failures,
            "fallbacks": self.fallbacks,
            "p50_ms": None if p50 is None else round(p50, 2),
            "p99_ms": None if p99 is None else round(p99, 2),
        }


@dataclass
class Replay:
    """The counts of a replay.

    sent, failed: requests, and those with an error status or no answer.
    versions: tallies by version.
    pending: what the feedback will need: (prediction id, 1 for late or 0) of each good answer.
    problems: the first few failures, as text.
    """

    sent: int = 0
    failed: int = 0
    seconds: float = 0.0
    versions: dict[str, Tally] = field(default_factory=dict)
    pending: list[tuple[str, int]] = field(default_factory=list, repr=False)
    problems: list[str] = field(default_factory=list)

    def answered(self, answer: Answer, late: int, seconds: float) -> None:
        """Count an answer that took `seconds` to a flight that was `late`."""
        headers = answer.headers
        tally = self._tally(headers.get("x-model-version", NOBODY))
        tally.requests += 1
        tally.statuses[answer.status] += 1
        if failed_version := headers.get("x-fallback-from"):
            self._tally(failed_version).fallbacks += 1

        if answer.status != 200:
            tally.failures += 1
            self._failed(f"{answer.status} {answer.body[:200].decode(errors='replace')}")
            return

        self.sent += 1
        tally.latencies.append(seconds)
        if "x-prediction-id" in headers:
            self.pending.append((headers["x-prediction-id"], late))

    def unanswered(self, error: Exception) -> None:
        """Count a request without an answer; its status is 0."""
        tally = self._tally(NOBODY)
        tally.requests += 1
        tally.failures += 1
        tally.statuses[0] += 1
        self._failed(f"{type(error).__name__}: {error}")

    def summary(self) -> dict[str, Any]:
        """The counts, and each version's figures, as plain values."""
        return {
            "sent": self.sent,
            "failed": self.failed,
            "seconds": round(self.seconds, 3),
            "versions": {name: tally.figures() for name, tally in sorted(self.versions.items())},
        }

    def _failed(self, problem: str) -> None:
        self.sent += 1
        self.failed += 1
        if len(self.problems) < 5:
            self.problems.append(problem)

    def _tally(self, version: str) -> Tally:
        return self.versions.setdefault(version, Tally())
