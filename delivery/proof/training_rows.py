"""Chooses the training rows to compare: all of a small frame, else some with all kinds of null."""

from typing import TYPE_CHECKING

import numpy as np

from delivery.inputs.frame_columns import kinds_of_null

if TYPE_CHECKING:
    import pandas as pd

# Rows of each kind of null of a column, and different patterns of nulls in a row.
SAME_NULLS, NULL_PATTERNS = 8, 400


def compared_rows(frame: "pd.DataFrame", most: int) -> list[int]:
    """The numbers of the rows to compare, in order: `most` of them, and rows with nulls."""
    rows = len(frame)
    if rows <= most:
        return list(range(rows))

    spread = np.linspace(0, rows - 1, most).astype(int).tolist()
    return sorted({*spread, *_rows_with_nulls(frame)})


def _rows_with_nulls(frame: "pd.DataFrame") -> set[int]:
    """Some rows of each kind of null in each column, and one of each pattern in a row."""
    import pandas as pd

    chosen: set[int] = set()
    kinds_by_column = {}
    for number in range(frame.shape[1]):
        column = frame.iloc[:, number]
        if column.isna().any():
            kinds = kinds_of_null(column)
            kinds_by_column[number] = kinds
            for _, rows in kinds[kinds != ""].groupby(kinds):
                chosen.update(rows.index[:SAME_NULLS].tolist())

    if not kinds_by_column:
        return set()

    patterns = pd.DataFrame(kinds_by_column).drop_duplicates()
    return chosen | set(patterns.index[:NULL_PATTERNS].tolist())
