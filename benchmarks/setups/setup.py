"""What a running set-up is to the benchmark."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """url: takes the bodies by POST; bodies: a request a line; memory_mb: of all its processes, without the load."""

    url: str
    bodies: Path
    memory_mb: Callable[[], float]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Setup:
    """name: as results call it; about: one line with versions and settings; start: brings it up, and down after."""

    name: str
    about: str
    start: Callable[[], AbstractContextManager[Running]]
