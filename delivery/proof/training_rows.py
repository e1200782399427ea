"""Which training rows are compared: all of a frame that is not large, else a spread of them and
every kind of null.
"""

from typing import TYPE_CHECKING

import numpy as np

from delivery.inputs.frame_columns import kinds_of_null

if TYPE_CHECKING:
    import pandas as pd

# Rows of each kind of null of a column, and different patterns of nulls in a row.
SAME_NULLS, NULL_PATTERNS = 8, 400


def compared_places(frame: "pd.DataFrame", most: int) -> list[int]:
    """The places of the rows to compare, in order; beyond `most` rows only the nulls add some."""
    rows = len(frame)
    if rows <= most:
        return list(range(rows))

    spread = np.linspace(0, rows - 1, most).astype(int).tolist()
    return sorted({*spread, *_with_nulls(frame)})


def _with_nulls(frame: "pd.DataFrame") -> set[int]:
    """Some rows of each kind of null in each column, and one of each pattern in a row."""
    import pandas as pd

    nulls = {
        place: kinds_of_null(frame.iloc[:, place])
        for place in range(frame.shape[1])
        if frame.iloc[:, place].isna().any()
    }
    if not nulls:
        return set()

    chosen: set[int] = set()
    for kinds in nulls.values():
        for _, rows in kinds[kinds != ""].groupby(kinds):
            chosen.update(rows.index[:SAME_NULLS].tolist())

    patterns = pd.DataFrame(nulls).drop_duplicates()
    return chosen | set(patterns.index[:NULL_PATTERNS].tolist())
