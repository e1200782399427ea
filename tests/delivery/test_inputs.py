"""The columns that the pipeline was fitted on: none is missing, and no other is asked of users."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from delivery.errors import DeliveryError
from delivery.inputs import with_inputs_as_fitted
from tests.delivery import loans


def left(made):
    """The columns that remain, and what was said."""
    said = []
    return list(with_inputs_as_fitted(made, said.append).held_out.columns), said


def with_strays(made, **columns):
    """The recipe with more columns in its held-out rows."""
    return replace(made, held_out=made.held_out.assign(**columns))


def test_columns_that_all_were_fitted_on_stay_without_a_word():
    made = loans.logistic()
    said = []
    assert with_inputs_as_fitted(made, said.append) is made
    assert said == []


def test_columns_beyond_those_are_left_out_and_named():
    columns, said = left(with_strays(loans.logistic(), **{"Unnamed: 0": range(loans.ROWS)}))
    assert columns == list(loans.ROW)
    assert said == ["left out 'Unnamed: 0': the pipeline was not fitted on it and predicts the same without"]


def test_without_labels_it_is_told_how_the_truth_is_named():
    _, said = left(with_strays(loans.unlabelled(), default=1, day=2))
    assert "left out 'default', 'day': " in said[0]
    assert "(is the truth among them? name it by --label" in said[0]


def test_a_column_that_the_pipeline_cannot_even_meet_is_left_out():
    columns, said = left(with_strays(loans.fine(), default=1.0))
    assert columns == ["amount"]
    assert "left out 'default'" in said[0]


def test_columns_that_change_the_predictions_are_refused():
    made = with_strays(loans.price(), extra=np.arange(loans.ROWS))
    plain = made.pipeline.predict
    made.pipeline.predict = lambda frame: plain(frame) + frame.get("extra", 0)
    with pytest.raises(DeliveryError, match=r"'extra', which the pipeline was not fitted on.*take it out"):
        left(made)


def test_a_pipeline_that_does_not_know_its_columns_keeps_all():
    made = loans.price()
    made.pipeline.steps.insert(0, ("before", FunctionTransformer()))
    columns, said = left(with_strays(made, extra=1))
    assert "extra" in columns
    assert said == []


def test_missing_columns_are_named_first_beside_those_that_are_there():
    made = loans.logistic()
    made = replace(made, held_out=made.held_out.rename(columns={"income": "Income"}))
    with pytest.raises(DeliveryError, match=r"lack 'income', which the pipeline was fitted on \(they have 'Income'"):
        left(made)


def test_a_missing_column_that_the_pipeline_never_uses_is_no_fault():
    training = loans.loans(1).assign(note="x")
    pipeline = loans.make_pipeline(loans.columns(), loans.LogisticRegression()).fit(training, loans.bad(training))
    made = replace(loans.logistic(), pipeline=pipeline)
    assert left(made) == (list(loans.ROW), [])
