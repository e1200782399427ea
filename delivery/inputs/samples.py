"""The sample beside a pickle: Parquet as it is, CSV by one rule, and its labels as classes of the
pipeline.

A CSV holds texts only. A column is numbers or booleans where every field is one, empty or pandas'
word for null (NA, null, NaN ...); then those are null. Any other column is text, where only an
empty field is null. What the pipeline learnt of a column goes before its looks: texts of an encoder
or for a vectorizer make it text, numbers of an encoder make it numbers, 007 too."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.inputs.learned_columns import Learnt, learned_columns, reads_texts

if TYPE_CHECKING:
    import pandas as pd

# What pandas.read_csv takes for null unless it is told otherwise.
NULL_WORDS = frozenset(
    (
        *(
            "#N/A",
            "#N/A N/A",
            "#NA",
            "-1.#IND",
            "-1.#QNAN",
            "-NaN",
            "-nan",
            "1.#IND",
            "1.#QNAN",
            "<NA>",
            "N/A",
            "NA",
        ),
        *("NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
BOOLEANS = frozenset(("True", "TRUE", "true", "False", "FALSE", "false"))
# 007 and 0151 are codes; 0.5 and 0 are numbers.
_CODE = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")
_NUMBER = re.compile(r"\s*[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*|[-+]?[Ii]nf(inity)?")
Report = Callable[[str], None]


def read_sample(
    path: Path, pipeline: Any, label: str | None, report: Report
) -> "tuple[pd.DataFrame, Any]":
    """The rows of a .parquet or .csv file and their truth (None without `label`); raises
    DeliveryError.
    """
    import pandas as pd

    if path.suffix not in (".parquet", ".csv"):
        raise DeliveryError(f"{path}: a sample is .parquet or .csv")

    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_texts(path)
    except (OSError, ValueError) as error:
        raise DeliveryError(f"{path} cannot be read: {first_line(error)}") from error

    if label is not None and label not in frame.columns:
        raise DeliveryError(
            f"{path} has no column {label!r} (columns: {', '.join(map(str, frame.columns))})"
        )

    truth = frame.pop(label) if label is not None else None
    if path.suffix == ".csv":
        learnt = learned_columns(pipeline)
        if len(frame.columns) == 1 and reads_texts(pipeline):
            learnt[frame.columns[0]] = Learnt(None)
        frame = pd.DataFrame(
            {name: _as_learnt(name, frame[name], learnt.get(name), report) for name in frame}
        )
        truth = None if truth is None else _labels(path, truth, getattr(pipeline, "classes_", None))

    return frame, truth


def _read_texts(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False).astype(object)


def _as_learnt(name: str, texts: "pd.Series", learnt: Learnt | None, report: Report) -> "pd.Series":
    """A column by the rule above; raises DeliveryError where numbers in it are none of those that
    the pipeline learnt, as texts or as numbers.
    """
    if learnt is None:
        return _typed(name, texts, None, report)

    values = set(texts) - NULL_WORDS - {""}
    codes = bool(values) and all(_CODE.fullmatch(text) for text in values)
    if learnt.is_text:
        column = _typed(name, texts, learnt.values or frozenset(), report)
    elif codes:
        _tell(report, name, set(texts) & NULL_WORDS, "null")
        column = _numbers(texts)
    else:
        column = _typed(name, texts, None, report)

    if codes and learnt.values and not learnt.values & set(column.dropna().tolist()):
        some = ", ".join(sorted(map(repr, learnt.values))[:3])
        raise DeliveryError(
            f"column {name!r} of the sample holds {', '.join(sorted(values)[:3])} ..., and the "
            f"pipeline learnt {some} ...: not one value is known to it, so write the column as it "
            f"was read for training, or give the sample as .parquet, which keeps types"
        )

    return column


def _typed(
    name: str, texts: "pd.Series", known: "frozenset[Any] | None", report: Report
) -> "pd.Series":
    """A column by the rule above. known: the values that the pipeline learnt of a text column."""
    import pandas as pd

    fields = set(texts) - {""}
    words, values = fields & NULL_WORDS, fields - NULL_WORDS
    if known is None and values and values <= BOOLEANS:
        _tell(report, name, words, "null")
        truth = texts.map(lambda text: text.lower() == "true" if text in BOOLEANS else None)
        if set(texts) <= BOOLEANS:
            return truth.astype(bool)
        return truth.astype("object")

    if known is None and all(_NUMBER.fullmatch(text) for text in values) and (values or not words):
        _tell(report, name, words, "null")
        return _numbers(texts)

    # A null that the pipeline learnt under no other word was one of these when its training rows
    # were read.
    lost = (
        words - (known or frozenset())
        if known is not None and any(pd.isna(each) for each in known)
        else set()
    )
    _tell(report, name, lost, "null")
    _tell(
        report, name, words - lost, "text, as in any column of texts; only an empty field is null"
    )
    return texts.map(lambda text: None if text == "" or text in lost else text).astype(
        "str" if _has_str() else object
    )


def _has_str() -> bool:
    """Whether this pandas reads texts into a dtype of their own."""
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3


def _tell(report: Report, name: str, words: "set[str] | frozenset[str]", what: str) -> None:
    if words:
        report(f"column {name!r}: {', '.join(sorted(words))} in the CSV is taken for {what}")


def _numbers(texts: "pd.Series") -> "pd.Series":
    """int64 where all fields are whole; floats with NaN for null, but beyond 2^53 whole numbers
    with pandas.NA.
    """
    import pandas as pd

    given = texts[~texts.isin(NULL_WORDS | {""})]
    whole = given.map(lambda text: re.fullmatch(r"\s*[-+]?\d+\s*", text) is not None)
    if len(given) and whole.all():
        numbers = given.map(int)
        fit = all(-(2**63) <= number < 2**63 for number in numbers)
        if fit and len(given) == len(texts):
            return numbers.astype("int64")
        if fit and any(abs(number) > 2**53 for number in numbers):
            return pd.Series(
                pd.array([numbers.get(row, pd.NA) for row in texts.index], dtype="Int64")
            )
        if not fit:
            return numbers.reindex(texts.index).astype(object)

    return given.map(float).reindex(texts.index).astype("float64")


def _labels(path: Path, texts: "pd.Series", classes: Any) -> "pd.Series":
    """The truth as the pipeline's classes have it; numbers where it has none. An empty field stays
    null.
    """
    import pandas as pd

    known = (
        {}
        if classes is None
        else {form: each for each in np.asarray(classes).tolist() for form in _forms(each)}
    )
    labels = [_label(path, row, text, known, classes is not None) for row, text in enumerate(texts)]
    return pd.Series(labels, dtype=object if None in labels else None)


def _label(path: Path, row: int, text: str, known: dict[str, Any], classified: bool) -> Any:
    if text in known:
        return known[text]
    if text == "":
        return None

    try:
        number = float(text)
    except ValueError:
        if not classified and text not in NULL_WORDS:
            raise DeliveryError(
                f"{path}, row {row}: the label {text!r} is no number, and the pipeline predicts "
                f"numbers"
            ) from None
        if classified:
            return text
        return None

    if classified:
        return known.get(repr(number), text)
    return number


def _forms(value: Any) -> Iterator[str]:
    """How a class is written in a CSV."""
    yield str(value)
    if isinstance(value, bool):
        yield from (str(value).lower(), str(value).upper())
    elif isinstance(value, int | float):
        yield repr(float(value))
        if float(value).is_integer():
            yield str(int(value))
