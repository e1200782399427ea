"""What a running set-up is to the benchmark."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.setups.pairs import FLIGHTS, Pair

# By name: an address, and its share of the requests in percent.
Upstreams = Mapping[str, tuple[str, int]]
SHARES = {"v1": 90, "v2": 10}


@dataclass(frozen=True)
class Running:
    """url: takes the bodies by POST; bodies: a request a line; memory_mb: of all its processes,
    without the load.

    predictions: the list of probabilities a row in a decoded answer; None where it is not the
    versions' answer. pair: the versions behind it."""

    url: str
    bodies: Path
    memory_mb: Callable[[], float]
    headers: Mapping[str, str] = field(default_factory=dict)
    predictions: Callable[[Any], Any] | None = itemgetter("predictions")
    pair: Pair = FLIGHTS


@dataclass(frozen=True)
class Setup:
    """name: as results call it; about: one line with versions and settings; start: brings it up,
    and down after.
    """

    name: str
    about: str
    start: Callable[[], AbstractContextManager[Running]]
