"""Which form a pipeline takes: a frame, or its one column as a series or a list."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from delivery.errors import DeliveryError
from delivery.proof.own_input import input_form
from delivery.recipe import Recipe, as_frame, checked
from tests.delivery.pipeline_catalogue import texts

ROWS, LABELS = texts()


def recipe(pipeline, held_out):
    """With a pipeline that is fitted on the list of texts."""
    return Recipe(pipeline.fit(ROWS.tolist(), LABELS), held_out, None, "predict")


class FirstLetters(TransformerMixin, BaseEstimator):
    """Takes a list and nothing else."""

    def fit(self, rows, labels=None):
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def transform(self, rows):
        """How many letters."""
        if not isinstance(rows, list):
            raise TypeError("a list, please")
        return np.array([[len(row)] for row in rows])


def test_a_pipeline_of_texts_takes_a_series():
    made = recipe(make_pipeline(TfidfVectorizer(), LogisticRegression()), ROWS.to_frame())
    assert input_form(made) == "series"


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_an_answer_a_column_is_not_taken_for_an_answer_a_row(rows):
    made = recipe(make_pipeline(TfidfVectorizer(), LogisticRegression()), ROWS[:rows].to_frame())
    assert input_form(made) == "series"


def test_a_pipeline_that_takes_a_list_alone_gets_one():
    assert (
        input_form(recipe(make_pipeline(FirstLetters(), LogisticRegression()), ROWS.to_frame()))
        == "list"
    )


def test_a_pipeline_of_a_frame_gets_its_frame():
    columns = ColumnTransformer([("t", TfidfVectorizer(), "text")])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(ROWS.to_frame(), LABELS)
    assert input_form(Recipe(pipeline, ROWS.to_frame(), None)) == "frame"


@pytest.mark.parametrize("columns", [2, 3])
def test_texts_beside_other_columns_are_refused(columns):
    frame = ROWS.to_frame().assign(**{f"c{number}": 1.0 for number in range(1, columns)})
    with pytest.raises(
        DeliveryError,
        match=rf"gives {columns} predictions for {columns + 1} rows.*one column of texts",
    ):
        input_form(recipe(make_pipeline(TfidfVectorizer(), LogisticRegression()), frame))


def test_series_and_lists_of_texts_become_frames():
    assert as_frame(["a", None, "b"])["text"].tolist() == ["a", None, "b"]
    assert as_frame(pd.Series(["a"], name="mail")).columns.tolist() == ["mail"]
    assert as_frame(pd.Series(["a"])).columns.tolist() == ["text"]
    assert as_frame([1, 2]) == [1, 2]
    made = checked(
        recipe(make_pipeline(TfidfVectorizer(), LogisticRegression()), ROWS.tolist()), "here"
    )
    assert made.held_out["text"].tolist() == ROWS.tolist()
