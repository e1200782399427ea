"""Missing numbers and texts, of every kind of null."""

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, cities, numbers


def with_gaps(seed=0):
    """Numbers with nulls in two columns, and a row of nulls in both."""
    frame = numbers(seed=seed)
    frame["c"] = frame["c"].astype(float)
    frame.loc[::4, "a"] = np.nan
    frame.loc[::6, "c"] = np.nan
    return frame


IMPUTERS = [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant", fill_value=-1),
    SimpleImputer(missing_values=0.0, strategy="median"),
]


@pytest.mark.parametrize("imputer", IMPUTERS, ids=str)
def test_numbers(imputer):
    frame, other = with_gaps(), with_gaps(seed=5)
    if imputer.missing_values == 0.0:
        frame, other = frame.fillna(0.0), other.fillna(0.0)

    step = ConvertedStep(imputer.fit(frame), frame)
    step.require_equal(other)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.filterwarnings("ignore:Skipping features")
def test_a_column_without_any_value(keep):
    frame = with_gaps()
    frame["a"] = np.nan
    imputer = SimpleImputer(keep_empty_features=keep, add_indicator=True).fit(frame)
    ConvertedStep(imputer, frame).require_equal(frame)


def test_integers_and_fractions_together():
    frame = numbers()
    ConvertedStep(SimpleImputer().fit(frame), frame).require_equal(numbers(seed=1))


@pytest.mark.parametrize("null", [[None], [np.nan], [pd.NA]], ids=str)
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=str)
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_texts_of_every_null_with_an_imputer_for_every_null(null, missing, strategy):
    """An imputer for NaN leaves None as it is, and the other way round."""
    training = cities(null)
    imputer = SimpleImputer(missing_values=missing, strategy=strategy, fill_value="none")
    encoder = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(imputer, encoder)
    try:
        pipeline.fit(training)
    except (TypeError, ValueError):
        # scikit-learn has no such imputer for such a column.
        return

    frame = cities(null, seed=3)
    frame.loc[3, "city"] = "unseen"
    frame.loc[0] = [null[0], null[0]]
    ConvertedStep(pipeline, training).require_equal(frame)


def mixed(seed=0):
    """Texts, whole numbers and booleans, with gaps in each."""
    frame = pd.concat(
        [numbers(seed=seed)[["c"]].astype(float) // 10, cities([None], seed=seed)], axis=1
    )
    frame["member"] = np.random.default_rng(seed).choice([True, False], len(frame))
    frame.loc[::6, "c"] = np.nan
    return frame


@pytest.mark.parametrize("encoder", [
    OneHotEncoder(handle_unknown="ignore", sparse_output=False), OrdinalEncoder(),
], ids=str)  # fmt: skip
def test_texts_beside_numbers_before_an_encoder(encoder):
    pipeline = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder).fit(mixed())
    ConvertedStep(pipeline, mixed()).require_equal(mixed(seed=5))


def test_texts_beside_numbers_are_no_answer():
    imputer = SimpleImputer(strategy="most_frequent").fit(mixed())
    with pytest.raises(NotConvertible, match="columns of several kinds"):
        ConvertedStep(imputer, mixed())


def test_flags_of_texts_beside_numbers_are_refused():
    imputer = SimpleImputer(strategy="most_frequent", add_indicator=True)
    pipeline = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore")).fit(mixed())
    with pytest.raises(NotConvertible, match="flags to texts and numbers together"):
        ConvertedStep(pipeline, mixed())
