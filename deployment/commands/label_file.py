"""Late labels in a file, read row by row: Parquet, CSV or JSON lines with the columns prediction_id
and label.

Rows count from 1, without a CSV's head. What cannot be a label is refused by file, column and row.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment.workspace.errors import EdgeFailure

COLUMNS = ("prediction_id", "label")
BATCH_ROWS = 1_000
NO_CLASSES: Mapping[str, Any] = {}
_DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?")


class BadLabels(EdgeFailure):
    """The file holds no labels, or none that can be sent."""


@dataclass(frozen=True)
class LabelledRow:
    """One row. label: a number, boolean or text, or a list of them for a prediction of several
    rows.
    """

    row: int
    prediction_id: str
    label: Any


def labels(path: Path, classes: Mapping[str, Any] = NO_CLASSES) -> Iterator[LabelledRow]:
    """Every row in order, never more than BATCH_ROWS of them in memory; raises BadLabels.

    classes: by how they are written in a CSV, which cannot say itself whether 1 is a number or a
    text (`written`)."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise BadLabels(f"{path} is no file of labels: give a {', '.join(_READERS)}")

    try:
        rows = _csv(path, classes) if read is _csv else read(path)
        for row, (identity, label) in enumerate(rows, 1):
            yield LabelledRow(row, _identity(path, row, identity), _label(path, row, label))
    except OSError as error:
        raise BadLabels(f"{path} cannot be read: {error.strerror or error}") from error


def count(path: Path, classes: Mapping[str, Any] = NO_CLASSES) -> int:
    """How many rows there are, each of them looked at; raises BadLabels, also for a file without
    rows.
    """
    rows = sum(1 for _ in labels(path, classes))
    if not rows:
        raise BadLabels(f"{path} holds no row: a row has the columns {' and '.join(COLUMNS)}")
    return rows


def _parquet(path: Path) -> Iterator[tuple[Any, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as raw, pq.ParquetFile(raw) as file:
            _require_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(COLUMNS)):
                yield from zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)
    except (pa.ArrowException, ValueError) as error:
        raise BadLabels(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def written(classes: Iterable[Any]) -> dict[str, Any]:
    """Classes by each of the texts that stand for them in a CSV; without those that stand for
    two.
    """
    found: dict[str, Any] = {}
    twice: set[str] = set()
    for each in classes:
        for text in _forms(each):
            if text in found and (type(found[text]), found[text]) != (type(each), each):
                twice.add(text)
            found[text] = each

    return {text: each for text, each in found.items() if text not in twice}


def _forms(value: Any) -> Iterator[str]:
    yield str(value)
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float) and math.isfinite(value):
        yield repr(float(value))
        yield from [str(int(value))] if float(value).is_integer() else []


def _csv(path: Path, classes: Mapping[str, Any] = NO_CLASSES) -> Iterator[tuple[Any, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            rows = csv.DictReader(file, strict=True)
            _require_columns(path, list(rows.fieldnames or []))
            for row in rows:
                yield row["prediction_id"], _typed(row["label"], classes)
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadLabels(f"{path} cannot be read as CSV: {error}") from error


def _json_lines(path: Path) -> Iterator[tuple[Any, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadLabels(f"{path}, line {number}: {error}") from error
            if not isinstance(value, dict):
                raise BadLabels(
                    f"{path}, line {number}: a JSON object with {' and '.join(COLUMNS)} is expected"
                )
            _require_columns(f"{path}, line {number}", list(value))
            yield value["prediction_id"], value["label"]


_READERS: dict[str, Callable[[Path], Iterator[tuple[Any, Any]]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}


def _require_columns(where: object, there: list[str]) -> None:
    for column in COLUMNS:
        if column not in there:
            raise BadLabels(
                f"{where} has no column '{column}' (there: {', '.join(there) or 'none'})"
            )


def _identity(path: Path, row: int, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadLabels(f"{path}, column 'prediction_id', row {row}: {_said(value)} is no id")
    return value


def _label(path: Path, row: int, value: Any) -> Any:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, bool | int | float | str):
            raise BadLabels(
                f"{path}, column 'label', row {row}: {_said(each)} is no label: numbers, booleans "
                f"and texts are"
            )
        if isinstance(each, float) and not math.isfinite(each):
            raise BadLabels(
                f"{path}, column 'label', row {row}: {each} is no label: leave out what is not "
                f"known"
            )

    return value


def _said(value: Any) -> str:
    if value is None or value == "":
        return "an empty field"
    return f"{value!r} ({type(value).__name__})"


def _typed(text: str | None, classes: Mapping[str, Any]) -> Any:
    """A field of a CSV, which has texts only: the class that is written so, else by its looks (True
    is a boolean).
    """
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
