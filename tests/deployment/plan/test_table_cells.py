"""A recorded table's cells are what a user would have sent."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from deployment.plan.recordings import recorded_rows
from deployment.plan.table_cells import json_cell

COLUMNS = {"at": "datetime", "took": "duration", "price": "decimal", "pixels": "array", "n": "int"}


@pytest.mark.parametrize(
    ("value", "dtype", "sent"),
    [
        (pd.Timestamp("2021-01-31 13:45"), "datetime", "2021-01-31T13:45:00"),
        (pd.Timestamp("2021-01-31", tz="UTC"), "datetime", "2021-01-31T00:00:00+00:00"),
        (datetime.date(2021, 1, 31), "date", "2021-01-31"),
        (pd.Timedelta("-1s"), "duration", "P-1DT23H59M59S"),
        (Decimal("12.50"), "decimal", "12.50"),
        (b"hello", "bytes", "aGVsbG8="),
        (np.array([0.5, np.nan]), "array", [0.5, None]),
        ("[[1, 2]]", "array", [[1, 2]]),
        ("no list", "array", "no list"),
        (3.0, "int", 3),
        *((null, "datetime", None) for null in (None, pd.NaT, pd.NA, float("nan"))),
        (None, "array", None),
    ],
)
def test_a_cell_is_what_a_row_of_json_has(value, dtype, sent):
    assert json_cell(value, dtype) == sent


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_tables_hold_every_kind(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2021-01-31", None]),
            "took": pd.to_timedelta(["1s", "2s"]),
            "price": [Decimal("12.50"), Decimal("0.10")],
            "pixels": [[0.5, 1.5], [2.5, 3.5]],
            "n": [1, 2],
        }
    )
    if suffix == ".csv":
        frame.assign(took=["PT1S", "PT2S"]).to_csv(path, index=False)
    else:
        frame.to_parquet(path)

    first, second = recorded_rows(None, str(path), COLUMNS)
    assert first["at"][:10] == "2021-01-31"
    assert second["at"] is None
    assert (first["price"], first["pixels"], first["n"]) == ("12.50", [0.5, 1.5], 1)
