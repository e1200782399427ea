"""Rows that a user may send and that the held-out ones may lack, to ask both runtimes about.

Training rows; nulls where a column takes them; values that training never saw; values on a tree's
thresholds and beside them; numbers between those of training; the smallest and largest, beyond, and
far beyond; texts of several scripts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from delivery.inputs.signature import rows_of
from delivery.proof.learned_values import thresholds_of, vocabulary_of
from delivery.proof.number_values import NEAR_SPANS, between, far, moved, numbers_of, span, spread
from service.bundle import Column
from service.rows import Columns, RowReader

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

TRAINING_ROWS = 400
BASES = 3
MOST_THRESHOLDS = 64
# Of all columns together.
THRESHOLD_ROWS = 2400
MOST_BETWEEN, MOST_FAR = 200, 50
BETWEEN_ROWS, FAR_ROWS = 3200, 2400
MOST_WORDS = 60
MOST_ROWS = 8000
# Above this many distinct values, or this long, a column is read as text.
FEW_CATEGORIES = 100
LONG = 40

UNSEEN = ("never seen before", "", " ", "été")
TOGETHER_ROWS = 300
MOVED_ROWS = 600
NUMBERS = ("float", "int")
TEXTS = (
    "a", "A B", "The quick brown fox, 3.5 times!", "naïve café crème brûlée", (
        "schön übel böse "
        "Straße"
    ), "İstanbul ı",
    "東京 は 日本 の 首都", "Привет, как дела?", "مرحبا بالعالم", "नमस्ते दुनिया", "👍 good 🎉🎉",
    "e-mail x86 I'm don't U.S.A.",
    "tab\tnew\nline\r\nend", "non\u00a0breaking\u2003space", "UPPER lower MiXeD", (
        "\u0065\u0301 "
        "\u00e9"
    ), "...",
    "word " * 2000,
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """A row and what is asked by it, in words. far: a number of it is far beyond those of
    training.
    """

    row: Row
    what: str
    far: bool = False


@dataclass(frozen=True)
class Probes:
    """Rows as the service reads them. what: what is asked by each. far: which of them hold a number
    far beyond those of training.
    """

    columns: Columns
    what: list[str]
    far: list[bool]

    def near(self) -> Columns:
        """The rows without a number that is far beyond those of training."""
        kept = ~np.array(self.far, dtype=bool)
        return {name: array[kept] for name, array in self.columns.items()}


@dataclass(frozen=True)
class _Learned:
    thresholds: np.ndarray
    words: set[str]
    columns: int


def probes(
    pipeline: Any,
    held_out: "pd.DataFrame",
    training: "pd.DataFrame | None",
    columns: Sequence[Column],
) -> Probes:
    """At most MOST_ROWS rows that the signature takes."""
    reader = RowReader(list(columns))
    frame = held_out if training is None else training[[*held_out.columns]]
    bases = _bases(rows_of(held_out.iloc[spread(len(held_out), BASES * 8)]), columns)
    learned = _Learned(thresholds_of(pipeline), vocabulary_of(pipeline), len(columns))
    made = chain(
        () if training is None else _of_training(frame),
        _nulls(bases, columns),
        _moved(frame, columns),
        *(_of_column(learned, bases, column) for column in columns),
        *(_far(bases, column, len(columns)) for column in columns),
        *(_between(frame, place, columns) for place in range(len(columns))),
        *(_of_thresholds(learned, bases, column) for column in columns),
    )
    kept: list[Probe] = []
    for probe in islice(made, MOST_ROWS - TOGETHER_ROWS):
        try:
            reader.row_columns([probe.row])
        except msgspec.ValidationError:
            # The service refuses such a row, as one that is too large for its column.
            continue
        kept.append(probe)

    # Two huge numbers of almost the same size leave of their sum what no number of 32 bits holds.
    kept += _together([probe for probe in kept if not probe.far], columns)
    return Probes(
        reader.row_columns([probe.row for probe in kept]),
        [probe.what for probe in kept],
        [probe.far for probe in kept],
    )


def _together(probes: Sequence[Probe], columns: Sequence[Column]) -> list[Probe]:
    """Rows whose every column has one of the values above: two odd values may do what neither does
    alone.
    """
    if not probes:
        return []

    chance = np.random.default_rng(0)
    values = {
        column.name: list(dict.fromkeys(probe.row[column.name] for probe in probes))
        for column in columns
    }
    chosen = {
        name: chance.integers(0, len(each), TOGETHER_ROWS).tolist() for name, each in values.items()
    }
    return [
        Probe(
            {name: each[chosen[name][number]] for name, each in values.items()},
            "odd values in several columns",
        )
        for number in range(TOGETHER_ROWS)
    ]


def _of_training(frame: "pd.DataFrame") -> Iterator[Probe]:
    """Evenly spread rows, and rows that are rare among them: with nulls, and with letters beyond
    ASCII.
    """
    places = dict.fromkeys(spread(len(frame), TRAINING_ROWS // 2))
    for name in frame.columns:
        column = frame[name]
        places |= dict.fromkeys(np.flatnonzero(column.isna())[: TRAINING_ROWS // 8].tolist())
        if column.dtype.kind == "O":
            beyond = [isinstance(value, str) and not value.isascii() for value in column.tolist()]
            places |= dict.fromkeys(np.flatnonzero(beyond)[: TRAINING_ROWS // 8].tolist())

    for row in rows_of(frame.iloc[list(islice(places, TRAINING_ROWS))]):
        yield Probe(row, "a training row")


def _nulls(bases: Sequence[Row], columns: Sequence[Column]) -> Iterator[Probe]:
    nullable = [column.name for column in columns if column.nullable]
    for name in nullable:
        for base in bases:
            yield Probe({**base, name: None}, f"null in column {name!r}")

    if len(nullable) > 1:
        for base in bases:
            yield Probe({**base, **dict.fromkeys(nullable)}, "null in every column that takes it")


def _of_column(learned: _Learned, bases: Sequence[Row], column: Column) -> Iterator[Probe]:
    if column.dtype == "string":
        yield from _of_texts(learned, bases, column)
    elif column.dtype == "bool":
        yield from (
            _probe(base, column, value, "either value") for base in bases for value in (True, False)
        )
    elif column.minimum is not None and column.maximum is not None:
        yield from _of_numbers(bases, column, column.minimum, column.maximum)


def _of_texts(learned: _Learned, bases: Sequence[Row], column: Column) -> Iterator[Probe]:
    seen = column.categories or []
    few = 0 < len(seen) <= FEW_CATEGORIES and max(map(len, seen)) <= LONG
    if few:
        for value in seen:
            yield _probe(bases[0], column, value, "a value of training")
        for value in (*UNSEEN, seen[0].swapcase() + "x", f" {seen[0]}"):
            yield _probe(bases[0], column, value, "an unseen value")
        # Few values may be texts all the same, for a vectorizer.
        for value in (*TEXTS, *(f"{seen[-1]} {text}" for text in TEXTS[:8])):
            yield _probe(bases[0], column, value, "a text of another kind")
        return

    words = sorted(learned.words, key=lambda word: (word.isascii() and word.isalnum(), word))[
        :MOST_WORDS
    ]
    for text in (*TEXTS, *words):
        yield _probe(bases[0], column, text, "a text of another kind")

    for base in bases:
        for text in TEXTS[:8]:
            yield _probe(
                base, column, f"{base[column.name] or ''} {text}", "a text of another kind"
            )


def _of_numbers(bases: Sequence[Row], column: Column, low: float, high: float) -> Iterator[Probe]:
    near = span(low, high)
    most = NEAR_SPANS * near
    for value in (low, high):
        yield _probe(bases[0], column, value, "the smallest or largest value")
    for value in (low - near, high + near, low - most, high + most, 0.0, -0.0, -1.0, 1.0):
        yield _probe(bases[0], column, value, "a value beyond those of training")


def _far(bases: Sequence[Row], column: Column, columns: int) -> Iterator[Probe]:
    if column.dtype not in NUMBERS or column.minimum is None or column.maximum is None:
        return

    count = max(4, min(MOST_FAR, FAR_ROWS // (2 * columns)))
    for value in far(column.minimum, column.maximum, count):
        made = _probe(bases[0], column, value, "a value far beyond those of training")
        yield replace(made, far=True)


def _between(frame: "pd.DataFrame", place: int, columns: Sequence[Column]) -> Iterator[Probe]:
    """Training rows with one number moved a little: so they still come to where a tree tells their
    value from the next.
    """
    column = columns[place]
    if column.dtype not in NUMBERS:
        return

    count = max(2, min(MOST_BETWEEN, BETWEEN_ROWS // (4 * len(columns))))
    made = list(between(numbers_of(frame.iloc[:, place]), count))
    for row, (_, value) in zip(rows_of(frame.iloc[[at for at, _ in made]]), made, strict=True):
        yield _probe(row, column, value, "a value between those of training")


def _moved(frame: "pd.DataFrame", columns: Sequence[Column]) -> Iterator[Probe]:
    """Training rows whose every number is moved between two values of its column near it."""
    if not any(column.dtype in NUMBERS for column in columns) or frame.empty:
        return

    chance = np.random.default_rng(0)
    places = chance.integers(0, len(frame), MOVED_ROWS)
    values = {
        column.name: moved(numbers_of(frame.iloc[:, place]), places, chance).tolist()
        for place, column in enumerate(columns)
        if column.dtype in NUMBERS
    }
    whole = {column.name for column in columns if column.dtype == "int"}
    for number, row in enumerate(rows_of(frame.iloc[places])):
        new = {name: each[number] for name, each in values.items() if np.isfinite(each[number])}
        new = {name: round(value) if name in whole else value for name, value in new.items()}
        yield Probe({**row, **new}, "values between those of training in several columns")


def _of_thresholds(learned: _Learned, bases: Sequence[Row], column: Column) -> Iterator[Probe]:
    if column.minimum is None or column.maximum is None:
        return

    first, last = np.searchsorted(learned.thresholds, (column.minimum, column.maximum))
    within = learned.thresholds[first:last].tolist()
    count = max(2, min(MOST_THRESHOLDS, THRESHOLD_ROWS // (3 * learned.columns)))
    for number, place in enumerate(spread(len(within), count)):
        for value in _beside(within[place]):
            base = bases[number % len(bases)]
            yield _probe(base, column, value, "a value on a threshold or just beside it")


def _beside(edge: float) -> Iterable[float]:
    """The edge, and the next numbers of 32 bits: numbers reach the ONNX form so."""
    near = np.float32(edge)
    return (
        edge,
        float(np.nextafter(near, np.float32(np.inf))),
        float(np.nextafter(near, np.float32(-np.inf))),
    )


def _probe(base: Row, column: Column, value: Any, what: str) -> Probe:
    if column.dtype == "int":
        value = round(value)
    return Probe({**base, column.name: value}, f"{what} in column {column.name!r}")


def _bases(rows: list[Row], columns: Sequence[Column]) -> list[Row]:
    """Rows to change one value of; without nulls first, since a null may hide what the other values
    do.
    """
    return sorted(rows, key=lambda row: sum(row[column.name] is None for column in columns))[:BASES]
