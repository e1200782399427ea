"""Keeps the results of a run as they come, so that it can go on where it was interrupted."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.coverage.measurement import Measurement
from benchmarks.processes import STATE

KEPT = STATE / "coverage.jsonl"


class KeptResults:
    """A file of one line a result."""

    def __init__(self, path: Path = KEPT) -> None:
        self._path = path

    def forget(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)

    def add(self, result: Measurement) -> None:
        """Write one more."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def __iter__(self) -> Iterator[Measurement]:
        if not self._path.exists():
            return

        for line in self._path.read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            yield Measurement(**values | {"shown": tuple(values["shown"])})
