"""Late labels in a file, read row by row: Parquet, CSV or JSON lines with the columns prediction_id
and label.

Rows count from 1, without a CSV's header. A value that cannot be a label is refused with its file,
column and row."""

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment.column_names import require_once
from deployment.workspace.errors import EdgeFailure

COLUMNS = ("prediction_id", "label")
BATCH_ROWS = 1_000
NO_CLASSES: Mapping[str, Any] = {}
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?")


class BadLabels(EdgeFailure):
    """The file holds no labels, or labels that cannot be sent."""


@dataclass(frozen=True)
class LabelledRow:
    """One row. label: a number, boolean or text, or a list of them for a prediction of several
    rows.
    """

    row: int
    prediction_id: str
    label: Any


def labels(path: Path, classes: Mapping[str, Any] = NO_CLASSES) -> Iterator[LabelledRow]:
    """Every row in order, with at most BATCH_ROWS of them in memory; raises BadLabels.

    classes: by their texts in a CSV, which cannot say whether 1 is a number or a text
    (`classes_by_text`)."""
    try:
        for row, (identity, label) in enumerate(_fields(path, classes), 1):
            yield LabelledRow(row, _identity(path, row, identity), _label(path, row, label))
    except OSError as error:
        raise BadLabels(f"{path} cannot be read: {error.strerror or error}") from error


def count(path: Path, classes: Mapping[str, Any] = NO_CLASSES) -> int:
    """How many rows there are; every row is checked. Raises BadLabels, also for an empty file."""
    rows = sum(1 for _ in labels(path, classes))
    if not rows:
        raise BadLabels(f"{path} holds no row: a row has the columns {' and '.join(COLUMNS)}")
    return rows


def _fields(path: Path, classes: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """prediction_id and label of every row, unchecked."""
    match path.suffix.lower():
        case ".parquet":
            return _parquet(path)
        case ".csv":
            return _csv(path, classes)
        case ".jsonl":
            return _json_lines(path)
        case _:
            raise BadLabels(f"{path} is no file of labels: give a .parquet, .csv, .jsonl")


def _parquet(path: Path) -> Iterator[tuple[Any, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as raw, pq.ParquetFile(raw) as file:
            _require_columns(path, file.schema_arrow.names)
            require_once(path, file.schema_arrow.names)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(COLUMNS)):
                yield from zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)
    # The last of a moment that Python's standard library does not have.
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise BadLabels(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def classes_by_text(classes: Iterable[Any]) -> dict[str, Any]:
    """Classes by each of their texts in a CSV, without texts that stand for two classes."""
    by_text: dict[str, Any] = {}
    ambiguous: set[str] = set()
    for value in classes:
        for text in _texts(value):
            known = by_text.setdefault(text, value)
            if (type(known), known) != (type(value), value):
                ambiguous.add(text)

    for text in ambiguous:
        del by_text[text]

    return by_text


def _texts(value: Any) -> Iterator[str]:
    """How a CSV may write a class: `1`, `1.0`, `True`, `true`."""
    yield str(value)
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float) and math.isfinite(value):
        yield repr(float(value))
        if float(value).is_integer():
            yield str(int(value))


def _csv(path: Path, classes: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            rows = csv.DictReader(file, strict=True)
            names = list(rows.fieldnames or [])
            _require_columns(path, names)
            require_once(path, names)
            for row in rows:
                yield row["prediction_id"], _typed(row["label"], classes)
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadLabels(f"{path} cannot be read as CSV: {error}") from error


def _json_lines(path: Path) -> Iterator[tuple[Any, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                value = _json_object(path, number, line)
                yield value["prediction_id"], value["label"]


def _json_object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLabels(f"{path}, line {number}: {error}") from error

    if not isinstance(value, dict):
        raise BadLabels(
            f"{path}, line {number}: a JSON object with {' and '.join(COLUMNS)} is expected"
        )

    _require_columns(f"{path}, line {number}", list(value))
    return value


def _require_columns(where: object, names: list[str]) -> None:
    for column in COLUMNS:
        if column not in names:
            columns = ", ".join(names) or "none"
            raise BadLabels(f"{where} has no column '{column}' (there: {columns})")


def _identity(path: Path, row: int, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadLabels(f"{path}, column 'prediction_id', row {row}: {_shown(value)} is no id")

    return value


def _label(path: Path, row: int, value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    for label in values:
        if not isinstance(label, bool | int | float | str):
            raise BadLabels(
                f"{path}, column 'label', row {row}: {_shown(label)} is no label: numbers, "
                "booleans and texts are"
            )

        if isinstance(label, float) and not math.isfinite(label):
            raise BadLabels(
                f"{path}, column 'label', row {row}: {label} is no label: leave out what is not "
                "known"
            )

    return value


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "an empty field"
    return f"{value!r} ({type(value).__name__})"


def _typed(text: str | None, classes: Mapping[str, Any]) -> Any:
    """A field of a CSV: the class with this text, else a boolean, a number or the text."""
    if text is not None and text in classes:
        return classes[text]
    if text in (None, ""):
        return None
    if text in ("True", "False", "true", "false"):
        return text in ("True", "true")
    if text.lower() in ("nan", "inf", "-inf") or _DECIMAL.fullmatch(text):
        return float(text)

    return text


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
