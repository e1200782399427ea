"""Datetimes in a CSV beside a pickle: only where the pipeline predicts nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from delivery.inputs.sample_dates import with_datetimes

TEXTS = ["2021-01-31T13:45:00", "2021-02-28T01:00:00"] * 4
LABELS = [0, 1] * 4


def hours(frame):
    """The hour of each datetime."""
    return frame.apply(lambda column: column.dt.hour)


def sample(texts):
    """What the CSV was read as."""
    return pd.DataFrame({"at": texts, "a": np.arange(8.0)})


@pytest.mark.parametrize(("offset", "zone"), [("", None), ("+01:00", "UTC")])
def test_they_are_datetimes_where_their_texts_are_not_predicted(offset, zone):
    frame = sample([f"{text}{offset}" for text in TEXTS])
    trained = frame.assign(at=pd.to_datetime(frame["at"], utc=zone is not None))
    pipeline = make_pipeline(FunctionTransformer(hours_and_a), LogisticRegression())
    pipeline.fit(trained, LABELS)
    reported = []
    read = with_datetimes(frame, pipeline, reported.append)
    assert read["at"].dtype == trained["at"].dtype
    assert reported[0].startswith("column 'at': ISO 8601 in the CSV is taken for datetime64[")


def hours_and_a(frame):
    """The hours, and a as it is."""
    return frame.assign(at=hours(frame[["at"]])["at"])


def test_they_stay_texts_where_those_are_predicted():
    frame = sample(TEXTS)[["at"]]
    pipeline = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, LABELS)
    assert with_datetimes(frame, pipeline, print) is frame


@pytest.mark.parametrize("text", ["2021-02-30", "31.1.2021", "x"])
def test_one_text_that_is_no_datetime_leaves_all_as_they_are(text):
    frame = sample([*TEXTS[1:], text])
    pipeline = make_pipeline(FunctionTransformer(hours_and_a), LogisticRegression())
    assert with_datetimes(frame, pipeline, print) is frame
