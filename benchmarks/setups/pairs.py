"""The pairs of versions that are served, each with the rows that are sent to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks.candidates.forest import with_gaps
from benchmarks.processes import STATE
from benchmarks.wrk_load import flights, write_bodies


def flights_with_gaps(count: int = 2_000) -> pd.DataFrame:
    """The same flights with nulls among their numbers, integers and texts."""
    return with_gaps(flights(count))


@dataclass(frozen=True, eq=False)
class Pair:
    """Two versions. recipes: of those that the example has no recipe for.

    name: ends the names of its set-ups; empty for the example's own versions.
    has_gaps: whether nulls are sent.
    """

    name: str
    versions: tuple[str, str]
    rows: Callable[[int], pd.DataFrame]
    recipes: dict[str, str] = field(default_factory=dict)
    has_gaps: bool = False

    def named(self, setup: str) -> str:
        """The name of a set-up that serves this pair."""
        return f"{setup} {self.name}".strip()

    def bodies(self) -> Path:
        """A file with a request a line, one row each."""
        file_name = f"bodies-{self.name}.jsonl" if self.name else "bodies.jsonl"
        return write_bodies(STATE / file_name, rows=self.rows)


FLIGHTS = Pair("", ("v1", "v2"), flights)
FOREST = Pair(
    "forest",
    ("bench-forest-1", "bench-forest-2"),
    flights_with_gaps,
    {
        "bench-forest-1": "benchmarks/candidates/forest.py",
        "bench-forest-2": "benchmarks/candidates/larger_forest.py",
    },
    has_gaps=True,
)
