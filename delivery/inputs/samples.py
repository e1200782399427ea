"""Reads the sample beside a pickle: Parquet as it is, CSV by one rule, labels as the classes.

A CSV holds texts only. A column is numbers or booleans where every field is one, empty or pandas'
word for null (NA, null, NaN ...); then those are null. Any other column is text, where only an
empty field is null. What the pipeline learned of a column goes before its looks: texts of an
encoder or for a vectorizer make it text, numbers of an encoder make it numbers, 007 too.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.inputs.learned_columns import LearnedColumn, learned_columns, reads_texts
from delivery.inputs.sample_dates import with_datetimes
from delivery.recipe import classes_of
from delivery.request import Report

if TYPE_CHECKING:
    import pandas as pd

# What pandas.read_csv takes for null unless it is told otherwise.
NULL_WORDS = frozenset(
    (
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "n/a", "-NaN", "-nan", "NaN", "nan", "None", "NULL", "null"),
    )
)
BOOLEANS = frozenset(("True", "TRUE", "true", "False", "FALSE", "false"))
# 007 and 0151 are codes; 0.5 and 0 are numbers.
_CODE = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")
_NUMBER = re.compile(r"\s*[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*|[-+]?[Ii]nf(inity)?")
_WHOLE = re.compile(r"\s*[-+]?\d+\s*")


def read_sample(
    path: Path, pipeline: Any, label: str | None, report: Report
) -> "tuple[pd.DataFrame, Any]":
    """The rows of a .parquet or .csv file and their labels (None without the column `label`).

    Raises DeliveryError.
    """
    frame = _read_frame(path)
    if label is not None and label not in frame.columns:
        raise DeliveryError(
            f"{path} has no column {label!r} (columns: {', '.join(map(str, frame.columns))})"
        )

    labels = frame.pop(label) if label is not None else None
    if path.suffix != ".csv":
        return frame, labels

    frame = with_datetimes(_typed_frame(frame, pipeline, report), pipeline, report)
    if labels is not None:
        labels = _labels(path, labels, classes_of(pipeline))

    return frame, labels


def _read_frame(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if path.suffix not in (".parquet", ".csv"):
        raise DeliveryError(f"{path}: a sample is .parquet or .csv")

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)

        # pandas would give the second of two equal names another one.
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
        _require_once(path, first.iloc[0].tolist())
        texts = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
        return texts.astype(object)
    except (OSError, ValueError) as error:
        raise DeliveryError(f"{path} cannot be read: {first_line(error)}") from error


def _require_once(path: Path, names: list[str]) -> None:
    for name, count in Counter(filter(None, names)).items():
        if count > 1:
            raise DeliveryError(
                f"{path} has {count} columns {name!r}: leave one of them, or give the others "
                f"another name"
            )


def _typed_frame(texts: "pd.DataFrame", pipeline: Any, report: Report) -> "pd.DataFrame":
    """The columns of a CSV by the rule above."""
    import pandas as pd

    learned = learned_columns(pipeline)
    if len(texts.columns) == 1 and reads_texts(pipeline):
        learned[texts.columns[0]] = LearnedColumn(None)

    columns = {}
    for name in texts:
        columns[name] = _typed_column(name, texts[name], learned.get(name), report)

    return pd.DataFrame(columns)


def _typed_column(
    name: str, texts: "pd.Series", learned: LearnedColumn | None, report: Report
) -> "pd.Series":
    """A column by the rule above.

    Raises DeliveryError where numbers in it are none of those that the pipeline learned.
    """
    if learned is None:
        return _by_looks(name, texts, report)

    values = set(texts) - NULL_WORDS - {""}
    codes = bool(values) and all(map(_CODE.fullmatch, values))
    if learned.is_text:
        column = _as_text(name, texts, learned.values or frozenset(), report)
    elif codes:
        _report_words(report, name, set(texts) & NULL_WORDS, "null")
        column = _numbers(texts)
    else:
        column = _by_looks(name, texts, report)

    if codes and learned.values and learned.values.isdisjoint(column.dropna().tolist()):
        known = ", ".join(sorted(map(repr, learned.values))[:3])
        raise DeliveryError(
            f"column {name!r} of the sample holds {', '.join(sorted(values)[:3])} ..., and the "
            f"pipeline learned {known} ...: not one value is known to it, so write the column as "
            f"it was read for training, or give the sample as .parquet, which keeps types"
        )

    return column


def _by_looks(name: str, texts: "pd.Series", report: Report) -> "pd.Series":
    """Booleans or numbers where every field is one, empty or a word for null; else texts."""
    fields = set(texts) - {""}
    words, values = fields & NULL_WORDS, fields - NULL_WORDS
    if values and values <= BOOLEANS:
        _report_words(report, name, words, "null")
        return _booleans(texts)

    if all(map(_NUMBER.fullmatch, values)) and (values or not words):
        _report_words(report, name, words, "null")
        return _numbers(texts)

    return _as_text(name, texts, frozenset(), report)


def _booleans(texts: "pd.Series") -> "pd.Series":
    def value_of(text: str) -> bool | None:
        return text.lower() == "true" if text in BOOLEANS else None

    values = texts.map(value_of)
    if set(texts) <= BOOLEANS:
        return values.astype(bool)

    return values.astype("object")


def _as_text(name: str, texts: "pd.Series", known: frozenset[Any], report: Report) -> "pd.Series":
    """A column of texts. known: the values that the pipeline learned of it, else empty."""
    import pandas as pd

    words = set(texts) & NULL_WORDS
    # A null among the known values was one of the other words when the training rows were read.
    nulls: set[str] = set()
    if any(map(pd.isna, known)):
        nulls = words - known

    _report_words(report, name, nulls, "null")
    as_text = "text, as in any column of texts; only an empty field is null"
    _report_words(report, name, words - nulls, as_text)

    def value_of(text: str) -> str | None:
        return None if text == "" or text in nulls else text

    return texts.map(value_of).astype("str" if _has_text_dtype() else object)


def _has_text_dtype() -> bool:
    """Whether this pandas reads texts into a dtype of their own."""
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3


def _report_words(report: Report, name: str, words: set[str], what: str) -> None:
    if words:
        report(f"column {name!r}: {', '.join(sorted(words))} in the CSV is taken for {what}")


def _numbers(texts: "pd.Series") -> "pd.Series":
    """int64 where all fields are whole (or uint64), else floats with NaN for null.

    Whole numbers beyond 2^53 beside nulls are Int64 with pandas.NA, beyond 64 bits objects.
    """
    import pandas as pd

    given = texts[~texts.isin(NULL_WORDS | {""})]
    if not len(given) or not all(map(_WHOLE.fullmatch, given)):
        return given.map(float).reindex(texts.index).astype("float64")

    numbers = given.map(int)
    smallest, largest = min(numbers), max(numbers)
    if smallest >= 0 and 2**63 <= largest < 2**64:
        return _unsigned(numbers, texts)

    if smallest < -(2**63) or largest >= 2**63:
        return numbers.reindex(texts.index).astype(object)

    if len(given) == len(texts):
        return numbers.astype("int64")

    if max(-smallest, largest) > 2**53:
        values = [numbers.get(row, pd.NA) for row in texts.index]
        return pd.Series(pd.array(values, dtype="Int64"))

    return given.map(float).reindex(texts.index).astype("float64")


def _unsigned(numbers: "pd.Series", texts: "pd.Series") -> "pd.Series":
    """uint64, or UInt64 with pandas.NA where there are nulls."""
    import pandas as pd

    if len(numbers) == len(texts):
        return numbers.astype("uint64")

    values = [numbers.get(row, pd.NA) for row in texts.index]
    return pd.Series(pd.array(values, dtype="UInt64"))


def _labels(path: Path, texts: "pd.Series", classes: Any) -> "pd.Series":
    """The labels as the pipeline's classes have them; numbers where it has none.

    An empty field stays null.
    """
    import pandas as pd

    if classes is None:
        labels = [_number_label(path, row, text) for row, text in enumerate(texts)]
    else:
        known = _classes_by_text(classes)
        labels = [_class_label(text, known) for text in texts]

    return pd.Series(labels, dtype=object if None in labels else None)


def _classes_by_text(classes: Any) -> dict[str, Any]:
    known = {}
    for value in np.asarray(classes).tolist():
        for text in _spellings(value):
            known[text] = value

    return known


def _class_label(text: str, known: dict[str, Any]) -> Any:
    """The class of a field; its text where it names none, which the metrics will refuse."""
    if text in known:
        return known[text]

    if text == "":
        return None

    try:
        number = float(text)
    except ValueError:
        return text

    return known.get(repr(number), text)


def _number_label(path: Path, row: int, text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        if text == "" or text in NULL_WORDS:
            return None

        raise DeliveryError(
            f"{path}, row {row}: the label {text!r} is no number, and the pipeline predicts numbers"
        ) from None


def _spellings(value: Any) -> Iterator[str]:
    """How a class is written in a CSV."""
    yield str(value)
    if isinstance(value, bool):
        yield str(value).lower()
        yield str(value).upper()
    elif isinstance(value, int | float):
        yield repr(float(value))
        if float(value).is_integer():
            yield str(int(value))
