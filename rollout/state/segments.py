"""Segments: the requests with one value of a column, for which a rollout is looked at apart.

Which there are is fixed when a version is delivered, so clients cannot add any: what is not listed
counts as "other"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_COLUMNS = 3
MOST_VALUES = 20
OTHER, NULL = "other", "null"
LARGEST_NUMBER = 2**63


@dataclass(frozen=True)
class SegmentColumn:
    """A column whose values are segments. values: as text."""

    column: str
    values: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """All its segments, as `airline=AA`, those of other values and of null included."""
        return tuple(map(self._named, dict.fromkeys((*self.values, OTHER, NULL))))

    def name_of(self, value: object) -> str:
        """The segment of a row with this JSON value."""
        text = _text(value)
        if text in self.values or text == NULL:
            return self._named(text)
        return self._named(OTHER)

    def _named(self, value: str) -> str:
        return f"{self.column}={value}"


def segment_names(columns: Iterable[SegmentColumn]) -> tuple[str, ...]:
    """All segments of these columns."""
    names: tuple[str, ...] = ()
    for column in columns:
        names += column.names()

    return names


def column_and_value(name: str) -> tuple[str, str]:
    """What a segment's name is made of; a column with `=` in its name has no segments."""
    column, _, value = name.partition("=")
    return column, value


def segment_columns(rows: Iterable[Mapping[str, Any]] | None) -> tuple[SegmentColumn, ...]:
    """The columns of plain JSON, no more and no more values than is allowed."""
    columns = []
    for row in list(rows or ())[:MOST_COLUMNS]:
        values = tuple(map(str, row["values"]))[:MOST_VALUES]
        columns.append(SegmentColumn(str(row["column"]), values))

    return tuple(columns)


def segments_body(columns: Iterable[SegmentColumn]) -> list[dict[str, Any]]:
    """Plain JSON. `segment_columns(segments_body())` is the identity."""
    return [{"column": column.column, "values": list(column.values)} for column in columns]


def _text(value: object) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value

    if isinstance(value, int | float) and abs(value) < LARGEST_NUMBER and value == int(value):
        return str(int(value))
    return OTHER
