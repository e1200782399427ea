"""Pipelines on columns of other kinds than numbers, booleans and texts, each with its rows.

Every function returns a recipe; the held-out rows are what users send.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from delivery.recipe import Recipe

ROWS, TRAINED = 300, 220


def made(pipeline, frame, labels, output="predict"):
    """The pipeline fitted on the first rows, with the others held out."""
    pipeline.fit(frame[:TRAINED], labels[:TRAINED])
    return Recipe(pipeline, frame[TRAINED:], labels[TRAINED:], output, frame[:TRAINED])


def calendar(frame):
    """Numbers of the calendar, of every column of datetimes; -1 for null."""
    numbers = {}
    for name in frame.columns:
        moment = frame[name].dt
        for part in ("year", "month", "day", "hour", "day_of_week", "nanosecond"):
            numbers[f"{name} {part}"] = getattr(moment, part).fillna(-1).astype(float)

    return pd.DataFrame(numbers)


def rides():
    """A forest on what the calendar says of datetimes: naive, with a zone, some of them null."""
    chance = np.random.default_rng(0)
    hours = pd.to_timedelta(chance.integers(0, 24 * 700, ROWS), unit="h")
    began = pd.Series(pd.Timestamp("2020-01-15 00:30:00.000000001") + hours).astype(
        "datetime64[ns]"
    )
    asked = pd.Series((pd.Timestamp("2020-03-01", tz="UTC") + hours).tz_convert("Europe/Oslo"))
    asked[::9] = pd.NaT
    frame = pd.DataFrame({"began": began, "asked": asked})
    minutes = began.dt.hour * 2.0 + asked.dt.day_of_week.fillna(3)
    forest = RandomForestRegressor(n_estimators=8, random_state=0)
    return made(make_pipeline(FunctionTransformer(calendar), forest), frame, minutes)


def hour(frame):
    """The hour of day, in the frame's own zone."""
    return frame.apply(lambda column: column.dt.hour)


def nights():
    """The hour by itself, of timestamps that pyarrow holds."""
    chance = np.random.default_rng(1)
    hours = pd.to_timedelta(chance.integers(0, 24 * 300, ROWS), unit="h")
    seen = pd.Series(pd.Timestamp("2021-01-01") + hours).astype("timestamp[us][pyarrow]")
    frame = pd.DataFrame({"seen": seen, "a": chance.normal(size=ROWS)})
    columns = ColumnTransformer(
        [("hour", FunctionTransformer(hour), ["seen"]), ("a", "passthrough", ["a"])]
    )
    late = (seen.dt.hour > 20).astype(bool).to_numpy()
    return made(make_pipeline(columns, DecisionTreeClassifier(max_depth=3)), frame, late)


def stacked(frame):
    """The images of a column as one array [rows, pixels]."""
    return np.stack(frame.iloc[:, 0].map(np.ravel).to_list())


def digits():
    """Images of 8 x 8 pixels as arrays in one column of objects."""
    images, labels = load_digits(return_X_y=True)
    cells = [image.reshape(8, 8).astype(np.float32) for image in images[:ROWS]]
    frame = pd.DataFrame({"image": pd.Series(cells)})
    model = make_pipeline(FunctionTransformer(stacked), LogisticRegression(max_iter=300))
    return made(model, frame, labels[:ROWS], "predict_proba")


def vectors():
    """The same pixels as lists of whole numbers."""
    images, labels = load_digits(return_X_y=True)
    frame = pd.DataFrame({"pixels": pd.Series(images[:ROWS].astype(int).tolist())})
    model = make_pipeline(FunctionTransformer(stacked), DecisionTreeClassifier(random_state=0))
    return made(model, frame, labels[:ROWS])


def last_digit(frame):
    """The cents, which a float of this size does not have."""
    return frame.map(lambda price: float(int(price * 100) % 10) if price is not None else -1.0)


def prices():
    """Decimals of which the last digit decides, some of them null."""
    chance = np.random.default_rng(2)
    base = Decimal("12345678901234567.00")
    cells = [base + Decimal(int(cents)) / 100 for cents in chance.integers(0, 1000, ROWS)]
    cells[5] = cells[250] = None
    frame = pd.DataFrame({"price": pd.Series(cells, dtype=object)})
    even = [cell is not None and int(cell * 100) % 2 == 0 for cell in cells]
    model = make_pipeline(FunctionTransformer(last_digit), DecisionTreeClassifier(random_state=0))
    return made(model, frame, np.array(even))


IDS = [2**63 - 1, 2**63 - 2, -(2**63) + 1, 2**53 + 1, 2**53]


def accounts():
    """Ids near 2^63 beside null, booleans with pandas.NA and a category of whole numbers."""
    chance = np.random.default_rng(3)
    picked = chance.integers(0, len(IDS), ROWS)
    member = pd.array(chance.integers(0, 2, ROWS).astype(bool), dtype="boolean")
    ids = pd.array([IDS[number] for number in picked], dtype="Int64")
    member[::7], ids[::11] = pd.NA, pd.NA
    plan = pd.Categorical(chance.choice([10, 20, 30], ROWS), categories=[30, 10, 20])
    frame = pd.DataFrame({"id": ids, "member": member, "plan": plan})
    encoder = OneHotEncoder(handle_unknown="ignore")
    odd = np.array([picked[row] % 2 == 1 and row % 11 != 0 for row in range(ROWS)])
    return made(make_pipeline(encoder, LogisticRegression()), frame, odd, "predict_proba")


def of_the_rest(frame):
    """A number of each kind."""
    return pd.DataFrame(
        {
            "day": frame["day"].map(lambda day: day.toordinal()),
            "time": frame["time"].map(lambda time: time.hour * 60 + time.minute),
            "took": frame["took"].dt.total_seconds(),
            "month": frame["month"].dt.month,
            "raw": frame["raw"].map(len),
            "visit": frame["visit"].cat.codes,
        }
    )


def visits(trees=5):
    """Days, times, durations, periods, bytes, and a category of datetimes."""
    chance = np.random.default_rng(4)
    minutes = pd.to_timedelta(chance.integers(0, 60 * 24 * 500, ROWS), unit="min")
    moments = pd.Series(pd.Timestamp("2020-01-01") + minutes)
    frame = pd.DataFrame(
        {
            "day": moments.dt.date,
            "time": moments.dt.time,
            "took": pd.to_timedelta(chance.integers(-5, 5000, ROWS), unit="ms"),
            "month": moments.dt.to_period("M"),
            "raw": pd.Series([b"\x00" * int(size) for size in chance.integers(0, 9, ROWS)]),
            "visit": moments.dt.floor("100D").astype("category"),
        }
    )
    forest = RandomForestClassifier(n_estimators=trees, random_state=0)
    late = moments.dt.hour > 12
    return made(
        make_pipeline(FunctionTransformer(of_the_rest), forest), frame, late, "predict_proba"
    )


def fewer_trees():
    """The same with another answer."""
    return visits(trees=2)


RECIPES = (rides, nights, digits, vectors, prices, accounts, visits)
