"""Dyno sizes: memory, cost and what a dyno's environment says of them."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_DNS, uuid5


@dataclass(frozen=True)
class Size:
    """memory_mb: the quota; cents: a month, at most; workers: the buildpack's WEB_CONCURRENCY."""

    name: str
    memory_mb: int
    cents: int
    workers: int
    compute: int
    dedicated: bool = False

    @property
    def id(self) -> str:
        """The same on each start."""
        return str(uuid5(NAMESPACE_DNS, f"{self.name}.dyno-size"))

    @property
    def single(self) -> bool:
        """Whether only one dyno a process type is allowed, and no other size in the app."""
        return self.name in ("Eco", "Basic")

    @property
    def prebootable(self) -> bool:
        """Whether the preboot feature may be used."""
        return not self.single


ALL = (
    Size("Eco", 512, 500, 2, 1),
    Size("Basic", 512, 700, 2, 1),
    Size("Standard-1X", 512, 2500, 2, 1),
    Size("Standard-2X", 1024, 5000, 4, 2),
    Size("Performance-M", 2560, 25000, 5, 12, True),
    Size("Performance-L", 14336, 50000, 17, 50, True),
    Size("Performance-L-RAM", 30720, 50000, 9, 24, True),
    Size("Performance-XL", 63488, 75000, 17, 50, True),
    Size("Performance-2XL", 129024, 150000, 33, 100, True),
)
SIZES = {size.name.lower(): size for size in ALL}
DEFAULT = SIZES["basic"]


def find(word: str) -> Size | None:
    """By name, in any case, or by id."""
    for size in ALL:
        if word.lower() == size.name.lower() or word == size.id:
            return size

    return None


def serialize(size: Size) -> dict[str, Any]:
    """A size as the API shows it; memory in GB."""
    dyno_units = size.cents / 2500
    if size.single:
        dyno_units = 0.0

    return {
        "architecture": "amd64",
        "compute": size.compute,
        "cost": {"cents": size.cents, "unit": "month"},
        "dedicated": size.dedicated,
        "precise_dyno_units": dyno_units,
        "generation": {"id": str(uuid5(NAMESPACE_DNS, "cedar.generation")), "name": "cedar"},
        "id": size.id,
        "memory": size.memory_mb / 1024,
        "name": size.name,
        "private_space_only": False,
    }
