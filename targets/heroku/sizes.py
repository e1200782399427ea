"""Dyno sizes: their memory, what they cost, and how many workers fit.

Prices are dollars a month of 30 days if always on; Heroku counts by the second. They are Heroku's
of August 2026 for card customers; `priced` takes the platform's own where it tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployment.workspace.errors import Misconfigured
from targets.base import Bill

DAYS_A_MONTH = 30
# Of a dyno's memory, what the workers may fill: the rest is for the arbiter, a release command and
# a burst.
FILLED = 0.8
# How many times larger than its file a model is once it is loaded, at most.
LOADED = 4
GUNICORN = "--keep-alive 95 --graceful-timeout 25"
"""Heroku's router drops a connection after 90 idle seconds and must be the first to do so; a dyno
told to stop is killed after 30. To set it also stops the buildpack from switching an access log
on."""


@dataclass(frozen=True)
class Size:
    """One dyno size.

    monthly: dollars
    memory_mb: above it Heroku swaps (R14)
    most_workers: how many the buildpack would start
    """

    name: str
    monthly: float
    memory_mb: int
    most_workers: int
    most_dynos: int


SIZES = {
    size.name.lower(): size
    for size in (
        Size("Eco", 5, 512, 2, 1),
        Size("Basic", 7, 512, 2, 1),
        Size("Standard-1X", 25, 512, 2, 100),
        Size("Standard-2X", 50, 1024, 4, 100),
        Size("Performance-M", 250, 2560, 5, 100),
        Size("Performance-L", 500, 14336, 17, 100),
        Size("Performance-L-RAM", 500, 30720, 9, 100),
        Size("Performance-XL", 750, 63488, 17, 100),
        Size("Performance-2XL", 1500, 129024, 33, 100),
    )
}
DATABASES = {"essential-0": 5.0, "essential-1": 9.0, "essential-2": 20.0, "standard-0": 50.0}
"""Dollars a month of heroku-postgresql's plans."""


@dataclass(frozen=True)
class Memory:
    """Resident megabytes of a process group with one worker, and of each further worker."""

    first_mb: int
    more_mb: int


# Rounded up from small models after a load (`python -m benchmarks.slugs`): with two workers a
# router has 146 MB, a version 122 MB on ONNX and 287 MB on scikit-learn.
ROUTER_MEMORY = Memory(130, 60)
VERSION_MEMORY = {"onnx": Memory(110, 50), "sklearn": Memory(220, 90)}


@dataclass(frozen=True)
class Item:
    """One line of a bill. monthly: dollars for each; per: `dyno` or `add-on`."""

    what: str
    size: str
    quantity: int
    monthly: float


def size(name: str) -> Size:
    """The dyno size of that name, in any case; raises Misconfigured naming the known ones."""
    dyno_size = SIZES.get(name.lower())
    if dyno_size is None:
        names = ", ".join(known.name for known in SIZES.values())
        raise Misconfigured(
            f"'{name}' is no dyno size (there are {names}): correct it in deploy.toml"
        )

    return dyno_size


def check_quantity(name: str, quantity: int) -> None:
    """Raise Misconfigured where a size does not allow so many dynos of one process type."""
    dyno_size = size(name)
    if quantity > dyno_size.most_dynos:
        raise Misconfigured(
            f"{dyno_size.name} allows {dyno_size.most_dynos} dyno a process, not {quantity}: use "
            "Standard-1X, or one dyno"
        )


def workers(name: str, memory: Memory, model_mb: float = 0.0) -> int:
    """The WEB_CONCURRENCY that fits; raises Misconfigured where not even one worker does.

    model_mb: of the model's file, which takes several times that once it is loaded
    """
    dyno_size = size(name)
    first_mb = memory.first_mb + LOADED * model_mb
    left = dyno_size.memory_mb * FILLED - first_mb
    if dyno_size.memory_mb < first_mb:
        raise Misconfigured(
            f"about {first_mb:.0f} MB do not fit into a {dyno_size.name} dyno of "
            f"{dyno_size.memory_mb} MB: choose a larger size in deploy.toml"
        )

    return max(1, min(dyno_size.most_workers, 1 + int(max(0.0, left) // memory.more_mb)))


def dyno_item(
    what: str, size_name: str, quantity: int, prices: Mapping[str, float] | None = None
) -> Item:
    """A line for dynos. prices: dollars a month by size in lower case, the platform's own."""
    dyno_size = size(size_name)
    return Item(
        what,
        dyno_size.name,
        quantity,
        (prices or {}).get(dyno_size.name.lower(), dyno_size.monthly),
    )


def database_item(plan: str, monthly: float | None = None) -> Item:
    """A line for heroku-postgresql; raises Misconfigured where its price is not known."""
    price = DATABASES.get(plan) if monthly is None else monthly
    if price is None:
        raise Misconfigured(
            f"the price of heroku-postgresql:{plan} is not known, so it cannot be shown before it "
            f"is bought (known: {', '.join(DATABASES)}): correct heroku.postgres in deploy.toml"
        )

    return Item("ledger", f"heroku-postgresql:{plan}", 1, price)


def bill(items: Sequence[Item]) -> Bill:
    """What these cost, always on: the sum, and one line per item to show before a purchase."""
    monthly = round(sum(item.monthly * item.quantity for item in items), 2)
    daily = round(monthly / DAYS_A_MONTH, 2)
    lines = [
        f"{item.what}: {item.quantity} x {item.size}, ${item.monthly * item.quantity:.2f} a month"
        for item in items
    ]
    total = f"together ${monthly:.2f} a month, ${daily:.2f} a day, if always on"
    return Bill(monthly, daily, [*lines, total])
