"""Every kind of null among the training rows is compared, however many rows there are."""

import numpy as np
import pandas as pd

from delivery.proof.training_rows import compared_rows


def frame(rows):
    """Numbers without a null, and objects where one row holds None and another NaN."""
    made = pd.DataFrame({"v": np.arange(rows) * 1.5, "k": pd.Series([0.5] * rows, dtype=object)})
    made.loc[7, "k"] = None
    made.loc[13, "k"] = np.nan
    return made


def test_of_a_small_frame_all_rows_are_compared():
    assert compared_rows(frame(50), 50) == list(range(50))


def test_of_a_large_frame_the_rare_nulls_are_compared_too():
    made = frame(1000)
    made.loc[501, "v"] = np.nan
    places = compared_rows(made.set_axis([0] * 1000), 10)
    assert {7, 13, 501} <= set(places)
    assert places == sorted(set(places))
    assert len(places) < 20


def test_a_frame_without_nulls_is_spread_evenly():
    assert compared_rows(frame(1000)[["v"]], 4) == [0, 333, 666, 999]
