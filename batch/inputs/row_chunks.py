"""A chunk of an input file: rows that are predicted in one call."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from batch.errors import BatchError
from batch.inputs.arrow_columns import Fitted

MOST_ROWS, MOST_VALUES, MOST_BYTES = 16_384, 1_000_000, 16 * 1024 * 1024
"""What is read at once, where the model does not take more."""
TO_KEEP = " to keep"
"""The use of a column that is copied beside the predictions."""


def rows_at_once(predicted: int, columns: int, row_bytes: float = 0) -> int:
    """So many rows are read and written at once, a multiple of those that are predicted at once:
    what each chunk costs counts less, and its memory stays small however wide the rows are.

    row_bytes: of a row on average.
    """
    most = min(MOST_ROWS, MOST_VALUES // columns, int(MOST_BYTES // max(row_bytes, 1)))
    return max(1, most // predicted) * predicted


@dataclass(frozen=True)
class RowChunk:
    """Some rows of a file.

    copied: the columns to copy beside the predictions. values: the input of so many rows from a
    row on, for the report of bad rows.
    """

    fitted: Fitted
    copied: pa.RecordBatch
    values: Callable[[int, int], pa.RecordBatch]


def require_columns(
    names: Sequence[str], existing: Iterable[str], path: str, use: str = ""
) -> None:
    """Raise BatchError where a file lacks a column that the model takes, or one of another use."""
    known = list(existing)
    for name in names:
        if name not in known:
            raise BatchError(f"{path} has no column {name!r}{use} (it has {', '.join(known[:20])})")


def require_once(names: Sequence[str], path: str) -> None:
    """Raise BatchError where a file has several columns of one name."""
    for name, count in Counter(names).items():
        # Spreadsheets write columns without a name after the last one.
        if name and count > 1:
            raise BatchError(
                f"{path} has {count} columns {name!r}: leave one of them, or give the others "
                f"another name"
            )
