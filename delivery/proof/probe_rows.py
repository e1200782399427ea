"""Rows that a user may send and the held-out frame may lack, on which both runtimes are compared.

Training rows, those with rare values among them; nulls where a column takes them; values that
training never saw; values on a tree's thresholds and beside them; numbers between those of
training; the smallest and largest, beyond, and far beyond; texts of several scripts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from delivery.inputs.kinds.kind import ProbedColumn
from delivery.inputs.kinds.registry import KINDS
from delivery.inputs.signature import rows_of
from delivery.proof.learned_values import thresholds_of, vocabulary_of
from delivery.proof.number_values import NEAR_SPANS, between, far, moved, numbers_of, span, spread
from service.bundle import Column, ValueForm
from service.rows import Columns, RowReader

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

TRAINING_ROWS = 400
# Of a column, and of all together.
MOST_RARE, RARE_ROWS = 30, 600
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
    "a", "A B", "The quick brown fox, 3.5 times!", "naïve café crème brûlée",
    "schön übel böse Straße", "İstanbul ı", "東京 は 日本 の 首都", "Привет, как дела?",
    "مرحبا بالعالم", "नमस्ते दुनिया", "👍 good 🎉🎉", "e-mail x86 I'm don't U.S.A.",
    "tab\tnew\nline\r\nend", "non\u00a0breaking\u2003space", "UPPER lower MiXeD",
    "\u0065\u0301 \u00e9", "...",
    "word " * 2000,
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """A row and what it probes, in words. far: it has a number far beyond those of training."""

    row: Row
    what: str
    far: bool = False


@dataclass(frozen=True)
class Probes:
    """Probe rows as the service reads them.

    what: what each row probes. far: whether it holds a number far beyond those of training.
    """

    columns: Columns
    what: list[str]
    far: list[bool]


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
    candidates = islice(
        _candidates(pipeline, held_out, training, columns), MOST_ROWS - TOGETHER_ROWS
    )
    chosen = [probe for probe in candidates if _is_taken(reader, probe)]

    # Two huge numbers of almost the same size leave of their sum what no number of 32 bits holds.
    chosen += _combined([probe for probe in chosen if not probe.far], columns)

    rows, what, far = [], [], []
    for probe in chosen:
        rows.append(probe.row)
        what.append(probe.what)
        far.append(probe.far)

    return Probes(reader.row_columns(rows), what, far)


def _candidates(
    pipeline: Any,
    held_out: "pd.DataFrame",
    training: "pd.DataFrame | None",
    columns: Sequence[Column],
) -> Iterator[Probe]:
    """Rows of all kinds, the most telling kinds first."""
    frame = held_out if training is None else training[[*held_out.columns]]
    base_rows = _base_rows(rows_of(held_out.iloc[spread(len(held_out), BASES * 8)]))
    learned = _Learned(thresholds_of(pipeline), vocabulary_of(pipeline), len(columns))

    if training is not None:
        yield from _of_training(frame)
        yield from _rare(frame)

    yield from _nulls(base_rows, columns)
    yield from _moved(frame, columns)
    for column in columns:
        yield from _of_column(learned, base_rows, column)

    for column in columns:
        yield from _far(base_rows, column, len(columns))

    for number in range(len(columns)):
        yield from _between(frame, number, columns)

    for column in columns:
        yield from _of_thresholds(learned, base_rows, column)


def _is_taken(reader: RowReader, probe: Probe) -> bool:
    """Whether the service takes the row; it refuses a number too large for its column."""
    try:
        reader.row_columns([probe.row])
    except msgspec.ValidationError:
        return False

    return True


def _combined(probes: Sequence[Probe], columns: Sequence[Column]) -> Iterator[Probe]:
    """Rows of one value of the probes in every column.

    Two odd values together may do what neither does alone.
    """
    if not probes:
        return

    chance = np.random.default_rng(0)
    rows: list[Row] = [{} for _ in range(TOGETHER_ROWS)]
    for column in columns:
        values = _distinct_values(probe.row[column.name] for probe in probes)
        numbers = chance.integers(0, len(values), TOGETHER_ROWS).tolist()
        for row, number in zip(rows, numbers, strict=True):
            row[column.name] = values[number]

    for row in rows:
        yield Probe(row, "odd values in several columns")


def _distinct_values(values: Iterable[Any]) -> list[Any]:
    """The values without repetition, lists too."""
    distinct: dict[Any, Any] = {}
    for value in values:
        key = repr(value) if isinstance(value, list) else value
        distinct.setdefault(key, value)

    return list(distinct.values())


def _of_training(frame: "pd.DataFrame") -> Iterator[Probe]:
    """Evenly spread rows, then rows with nulls and with letters beyond ASCII, which may be rare."""
    chosen = dict.fromkeys(spread(len(frame), TRAINING_ROWS // 2))
    for name in frame.columns:
        column = frame[name]
        chosen |= dict.fromkeys(np.flatnonzero(column.isna())[: TRAINING_ROWS // 8].tolist())
        if column.dtype.kind == "O":
            beyond_ascii = list(map(_is_beyond_ascii, column.tolist()))
            chosen |= dict.fromkeys(np.flatnonzero(beyond_ascii)[: TRAINING_ROWS // 8].tolist())

    for row in rows_of(frame.iloc[list(islice(chosen, TRAINING_ROWS))]):
        yield Probe(row, "a training row")


def _rare(frame: "pd.DataFrame") -> Iterator[Probe]:
    """Training rows with the rarest values of each column, which evenly spread rows may miss."""
    count = max(2, min(MOST_RARE, RARE_ROWS // len(frame.columns)))
    for name in frame.columns:
        for row in rows_of(frame.iloc[_rarest(frame[name], count)]):
            yield Probe(row, f"a rare value in column {name!r}")


def _rarest(series: "pd.Series", count: int) -> np.ndarray:
    """The first rows of that many rarest values; none of a column whose values hardly repeat."""
    try:
        counts = series.value_counts(ascending=True)
        if len(counts) > len(series) / 2:
            return np.empty(0, dtype=int)

        is_first = ~series.duplicated() & series.isin(counts.index[:count])
    except (TypeError, NotImplementedError):
        # Its values have no hash, such as lists, or pandas or pyarrow cannot look them up.
        return np.empty(0, dtype=int)

    return np.flatnonzero(is_first)


def _is_beyond_ascii(value: Any) -> bool:
    return isinstance(value, str) and not value.isascii()


def _nulls(base_rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[Probe]:
    nullable = [column.name for column in columns if column.nullable]
    for name in nullable:
        for base in base_rows:
            yield Probe({**base, name: None}, f"null in column {name!r}")

    if len(nullable) > 1:
        for base in base_rows:
            yield Probe({**base, **dict.fromkeys(nullable)}, "null in every column that takes it")


def _of_column(learned: _Learned, base_rows: Sequence[Row], column: Column) -> Iterator[Probe]:
    if column.dtype in KINDS:
        yield from _of_kind(base_rows, column)
    elif column.dtype == "string":
        yield from _of_texts(learned, base_rows, column)
    elif column.dtype == "bool":
        for base in base_rows:
            for value in (True, False):
                yield _probe(base, column, value, "either value")
    elif column.minimum is not None and column.maximum is not None:
        yield from _of_numbers(base_rows[0], column, column.minimum, column.maximum)


def _of_kind(base_rows: Sequence[Row], column: Column) -> Iterator[Probe]:
    seen = [base[column.name] for base in base_rows if base[column.name] is not None]
    probed = ProbedColumn(column.form or ValueForm(), seen)
    for value, is_far in KINDS[column.dtype].probes(probed):
        probe = _probe(base_rows[0], column, value, f"a {column.dtype} at an edge")
        yield replace(probe, far=is_far)


def _of_texts(learned: _Learned, base_rows: Sequence[Row], column: Column) -> Iterator[Probe]:
    seen = column.categories or []
    if 0 < len(seen) <= FEW_CATEGORIES and max(map(len, seen)) <= LONG:
        yield from _of_categories(base_rows[0], column, seen)
        return

    # Words with other letters first, which a tokenizer may split in another way.
    words = sorted(learned.words, key=lambda word: (word.isascii() and word.isalnum(), word))
    for text in (*TEXTS, *words[:MOST_WORDS]):
        yield _probe(base_rows[0], column, text, "a text of another kind")

    for base in base_rows:
        for text in TEXTS[:8]:
            joined = f"{base[column.name] or ''} {text}"
            yield _probe(base, column, joined, "a text of another kind")


def _of_categories(base: Row, column: Column, seen: Sequence[str]) -> Iterator[Probe]:
    for value in seen:
        yield _probe(base, column, value, "a value of training")

    for value in (*UNSEEN, seen[0].swapcase() + "x", f" {seen[0]}"):
        yield _probe(base, column, value, "an unseen value")

    # Few values may be texts all the same, for a vectorizer.
    for text in TEXTS:
        yield _probe(base, column, text, "a text of another kind")

    for text in TEXTS[:8]:
        yield _probe(base, column, f"{seen[-1]} {text}", "a text of another kind")


def _of_numbers(base: Row, column: Column, low: float, high: float) -> Iterator[Probe]:
    near = span(low, high)
    most = NEAR_SPANS * near
    for value in (low, high):
        yield _probe(base, column, value, "the smallest or largest value")

    for value in (low - near, high + near, low - most, high + most, 0.0, -0.0, -1.0, 1.0):
        yield _probe(base, column, value, "a value beyond those of training")


def _far(base_rows: Sequence[Row], column: Column, columns: int) -> Iterator[Probe]:
    if column.dtype not in NUMBERS or column.minimum is None or column.maximum is None:
        return

    count = max(4, min(MOST_FAR, FAR_ROWS // (2 * columns)))
    for value in far(column.minimum, column.maximum, count):
        probe = _probe(base_rows[0], column, value, "a value far beyond those of training")
        yield replace(probe, far=True)


def _between(frame: "pd.DataFrame", number: int, columns: Sequence[Column]) -> Iterator[Probe]:
    """Training rows with one number moved a little.

    So they still come to where a tree tells their value from the next.
    """
    column = columns[number]
    if column.dtype not in NUMBERS:
        return

    count = max(2, min(MOST_BETWEEN, BETWEEN_ROWS // (4 * len(columns))))
    changes = list(between(numbers_of(frame.iloc[:, number]), count))
    rows = rows_of(frame.iloc[[row for row, _ in changes]])
    for row, (_, value) in zip(rows, changes, strict=True):
        yield _probe(row, column, value, "a value between those of training")


def _moved(frame: "pd.DataFrame", columns: Sequence[Column]) -> Iterator[Probe]:
    """Training rows whose every number is moved between two values of its column near it."""
    numeric = [number for number, column in enumerate(columns) if column.dtype in NUMBERS]
    if not numeric or frame.empty:
        return

    chance = np.random.default_rng(0)
    chosen = chance.integers(0, len(frame), MOVED_ROWS)
    rows = rows_of(frame.iloc[chosen])
    for number in numeric:
        column = columns[number]
        values = moved(numbers_of(frame.iloc[:, number]), chosen, chance).tolist()
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                row[column.name] = round(value) if column.dtype == "int" else value

    for row in rows:
        yield Probe(row, "values between those of training in several columns")


def _of_thresholds(learned: _Learned, base_rows: Sequence[Row], column: Column) -> Iterator[Probe]:
    if column.minimum is None or column.maximum is None:
        return

    first, last = np.searchsorted(learned.thresholds, (column.minimum, column.maximum))
    within = learned.thresholds[first:last].tolist()
    count = max(2, min(MOST_THRESHOLDS, THRESHOLD_ROWS // (5 * learned.columns)))
    for number, chosen in enumerate(spread(len(within), count)):
        base = base_rows[number % len(base_rows)]
        for value in _beside(within[chosen]):
            yield _probe(base, column, value, "a value on a threshold or just beside it")


def _beside(threshold: float) -> Iterable[float]:
    """The threshold, and the next numbers of 64 and of 32 bits: trees compare in either."""
    near = np.float32(threshold)
    return (
        threshold,
        float(np.nextafter(threshold, np.inf)),
        float(np.nextafter(threshold, -np.inf)),
        float(np.nextafter(near, np.float32(np.inf))),
        float(np.nextafter(near, np.float32(-np.inf))),
    )


def _probe(base: Row, column: Column, value: Any, what: str) -> Probe:
    if column.dtype == "int":
        value = round(value)

    return Probe({**base, column.name: value}, f"{what} in column {column.name!r}")


def _base_rows(rows: list[Row]) -> list[Row]:
    """The rows of which a probe changes one value.

    Without nulls first, since a null may hide what the other values do.
    """
    return sorted(rows, key=_nulls_in)[:BASES]


def _nulls_in(row: Row) -> int:
    return list(row.values()).count(None)
