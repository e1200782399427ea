"""Makes datetimes of a CSV's texts where the pipeline does not predict their texts.

A CSV does not say whether 2021-01-31 is a text or a datetime, and a pipeline may have been fitted
on either. So the texts stay wherever the pipeline predicts them.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from delivery.request import Report
from service.columns.iso_datetimes import Datetimes
from service.columns.kind import BadValue

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20


def with_datetimes(frame: "pd.DataFrame", pipeline: Any, report: Report) -> "pd.DataFrame":
    """The frame with datetimes for ISO 8601 texts, where that alone lets the pipeline predict.

    A changed column is reported in a line.
    """
    datetimes = _datetime_columns(frame)
    if not datetimes or _predicts(pipeline, frame):
        return frame

    changed = frame.assign(**datetimes)
    if not _predicts(pipeline, changed):
        return frame

    for name, column in datetimes.items():
        report(
            f"column {name!r}: ISO 8601 in the CSV is taken for {column.dtype}, since the pipeline "
            f"does not predict its texts"
        )

    return changed


def _datetime_columns(frame: "pd.DataFrame") -> "dict[str, pd.Series]":
    """The columns that hold nothing but ISO 8601, as datetimes."""
    import pandas as pd

    datetimes = {}
    for name in frame.columns:
        zoned = _zoned(frame[name])
        if zoned is not None:
            datetimes[name] = pd.to_datetime(frame[name], format="ISO8601", utc=zoned)

    return datetimes


def _zoned(column: "pd.Series") -> bool | None:
    """Whether its texts are datetimes with offsets or without; None where they are neither."""
    texts = column.dropna().tolist()
    if not texts or not all(isinstance(text, str) for text in texts):
        return None

    for zoned in (False, True):
        try:
            Datetimes("ns", zoned).array(texts)
        except BadValue:
            continue

        return zoned

    return None


def _predicts(pipeline: Any, frame: "pd.DataFrame") -> bool:
    """Whether the pipeline predicts one of the first rows."""
    for row in range(min(len(frame), ROWS_TRIED)):
        with suppress(Exception):
            pipeline.predict(frame.iloc[[row]].copy())
            return True

    return False
