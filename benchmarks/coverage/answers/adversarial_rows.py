"""Rows that are hard to answer rightly, made from the rows that a pipeline was fitted on.

Numbers halfway between two of training, where a tree puts its thresholds; numbers one unit in the
last place beside; integers beyond 2^24; unseen and rare categories; nulls; rows as far from one row
of training as from another; several of these in one row. Nothing here is shared with the rows that
delivery probes with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

from delivery.inputs.signature import rows_of

Row = dict[str, Any]
SEED = 20_240_229
LARGE = (2**24 + 1, 2**24 + 3, -(2**24) - 1, 2**31 - 1, 2**31, 2**53 - 1, 10**9 + 7, 123_456_789)
STRANGE_TEXTS = (
    "", " ", "nan", "None", "NaN", "null", "0", "-1", "3.5", "Zürich", "e\u0301", "İ", "ß", "ﬁ",
    "a\u0000b", "\u200b", "x" * 300, "🦉", "true", "<missing>",
)  # fmt: skip


@dataclass(frozen=True)
class AdversarialRow:
    """A row and what is hard about it."""

    row: Row
    kind: str


@dataclass(frozen=True)
class _Seen:
    """What a column held in training. rare: texts by how seldom they are, the rarest first."""

    distinct: list[Any]
    rare: list[str]
    has_nulls: bool


class RowMaker:
    """Makes rows from a frame of training rows, the same ones at every call with one seed."""

    def __init__(self, frame: pd.DataFrame, seed: int = SEED) -> None:
        self._chance = np.random.default_rng(seed)
        self._rows = rows_of(frame)
        self._seen = {str(name): _seen(frame[name]) for name in frame}
        self.floats = _names(frame, is_float_dtype)
        self.integers = _names(frame, is_integer_dtype)
        flags = _names(frame, is_bool_dtype)
        self.texts = [
            name for name in self._seen if name not in (*self.floats, *self.integers, *flags)
        ]
        self._nullable = [name for name, seen in self._seen.items() if seen.has_nulls]

    def rows(self) -> Iterator[AdversarialRow]:
        """Rows of all kinds that the frame's columns allow, in turn, without end."""
        kinds = self._kinds()
        while True:
            for kind, change in kinds.items():
                yield AdversarialRow(change(self.base()), kind)

            yield AdversarialRow(self._several(kinds), "several at once")

    def base(self) -> Row:
        """A row of training."""
        return dict(self._rows[int(self._chance.integers(len(self._rows)))])

    def _several(self, kinds: dict[str, Callable[[Row], Row]]) -> Row:
        row, changes = self.base(), list(kinds.values())
        for number in self._chance.integers(0, len(changes), 3):
            row = changes[int(number)](row)

        return row

    def _kinds(self) -> dict[str, Callable[[Row], Row]]:
        kinds: dict[str, Callable[[Row], Row]] = {}
        if self.floats or self.integers:
            kinds["a number on a threshold"] = self._on_a_threshold
            kinds["every number on a threshold"] = self._all_on_thresholds
            kinds["a number one unit beside"] = self._beside
            kinds["an integer beyond 2^24"] = self._large
            kinds["halfway between two rows"] = self._halfway

        if self.texts:
            kinds["an unseen text"] = self._unseen
            kinds["rare categories"] = self._rare

        if self._nullable:
            kinds["nulls"] = self._nulls

        return kinds

    def _on_a_threshold(self, row: Row) -> Row:
        name = self._one_of([*self.floats, *self.integers])
        return row | {name: self._middle(name)}

    def _all_on_thresholds(self, row: Row) -> Row:
        for name in (*self.floats, *self.integers):
            row[name] = self._middle(name)

        return row

    def _beside(self, row: Row) -> Row:
        """One unit in the last place of 64 or of 32 bits beside; of an integer by 1."""
        name = self._one_of([*self.floats, *self.integers])
        value = self._one_of([self._middle(name), self._one_of(self._seen[name].distinct)])
        direction = self._one_of([-1, 1])
        if name in self.integers:
            return row | {name: value + direction}

        kind = self._one_of([np.float32, np.float64])
        return row | {name: float(np.nextafter(kind(value), kind(direction * np.inf)))}

    def _large(self, row: Row) -> Row:
        name = self._one_of([*self.floats, *self.integers])
        value = self._one_of(LARGE)
        if name in self.floats:
            value = float(value)

        return row | {name: value}

    def _halfway(self, row: Row) -> Row:
        """As far from this row as from another, in every number."""
        other = self.base()
        for name in (*self.floats, *self.integers):
            if row[name] is None or other[name] is None:
                continue

            value = (row[name] + other[name]) / 2
            row[name] = int(value) if name in self.integers else value

        return row

    def _unseen(self, row: Row) -> Row:
        name = self._one_of(self.texts)
        text = str(self._one_of(self._seen[name].rare))
        other = str(self._one_of(self._seen[name].rare))
        variants = (
            text.upper(), text.swapcase(), f" {text}", f"{text} ", f"{text} {other}", text[:-1],
            text + "\u0301", " ".join(reversed(text.split())), text.replace("o", "ö"),
            self._one_of(STRANGE_TEXTS), self._one_of(STRANGE_TEXTS), f"{text}, {other}! {text}",
        )  # fmt: skip
        return row | {name: self._one_of(variants)}

    def _rare(self, row: Row) -> Row:
        """The rarest texts of all columns together."""
        for name in self.texts:
            rare = self._seen[name].rare
            row[name] = self._one_of(rare[: max(1, len(rare) // 4)])

        return row

    def _nulls(self, row: Row) -> Row:
        count = int(self._chance.integers(1, len(self._nullable) + 1))
        chosen = self._chance.choice(self._nullable, count, replace=False)
        return row | dict.fromkeys(map(str, chosen))

    def _middle(self, name: str) -> Any:
        """The middle of two neighbouring values of training; of integers rounded down."""
        distinct = self._seen[name].distinct
        if len(distinct) < 2:
            return distinct[0]

        number = int(self._chance.integers(len(distinct) - 1))
        if name in self.integers:
            return (distinct[number] + distinct[number + 1]) // 2

        return (distinct[number] + distinct[number + 1]) / 2

    def _one_of(self, values: Any) -> Any:
        return values[int(self._chance.integers(len(values)))]


def _seen(series: pd.Series) -> _Seen:
    present = series.dropna()
    if is_float_dtype(series) or is_integer_dtype(series):
        return _Seen(sorted(set(present.tolist())), [], bool(series.isna().any()))

    rare = [str(value) for value in present.value_counts().index[::-1]]
    return _Seen([], rare, bool(series.isna().any()))


def _names(frame: pd.DataFrame, is_of_kind: Callable[[Any], bool]) -> list[str]:
    return [str(name) for name in frame if is_of_kind(frame[name].dtype)]
