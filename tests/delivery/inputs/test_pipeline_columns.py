"""The columns that the pipeline was fitted on: none is missing, and no other is asked of users."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from delivery.errors import DeliveryError
from delivery.inputs.pipeline_columns import with_inputs_as_fitted
from delivery.recipe import Recipe
from tests.delivery import loan_pipelines


def left(made):
    """The columns that remain, and what was said."""
    reported = []
    return list(with_inputs_as_fitted(made, reported.append).held_out.columns), reported


def with_strays(made, **columns):
    """The recipe with more columns in its held-out rows."""
    return replace(made, held_out=made.held_out.assign(**columns))


def test_columns_that_all_were_fitted_on_stay_without_a_word():
    made = loan_pipelines.logistic()
    reported = []
    assert with_inputs_as_fitted(made, reported.append) is made
    assert reported == []


def test_columns_beyond_those_are_left_out_and_named():
    columns, reported = left(
        with_strays(loan_pipelines.logistic(), **{"Unnamed: 0": range(loan_pipelines.ROWS)})
    )
    assert columns == list(loan_pipelines.ROW)
    assert reported == [
        "left out 'Unnamed: 0': the pipeline was not fitted on it and predicts the same without"
    ]


def test_without_labels_it_is_told_how_the_truth_is_named():
    _, reported = left(with_strays(loan_pipelines.unlabelled(), default=1, day=2))
    assert "left out 'default', 'day': " in reported[0]
    assert "(is the truth among them? name it by --label" in reported[0]


def test_a_column_that_the_pipeline_cannot_even_meet_is_left_out():
    columns, reported = left(with_strays(loan_pipelines.fine(), default=1.0))
    assert columns == ["amount"]
    assert "left out 'default'" in reported[0]


def test_columns_that_change_the_predictions_are_refused():
    made = with_strays(loan_pipelines.price(), extra=np.arange(loan_pipelines.ROWS))
    plain = made.pipeline.predict
    made.pipeline.predict = lambda frame: plain(frame) + frame.get("extra", 0)
    with pytest.raises(
        DeliveryError, match=r"'extra', which the pipeline was not fitted on.*take it out"
    ):
        left(made)


def test_a_pipeline_that_does_not_know_its_columns_keeps_all():
    made = loan_pipelines.price()
    made.pipeline.steps.insert(0, ("before", FunctionTransformer()))
    columns, reported = left(with_strays(made, extra=1))
    assert "extra" in columns
    assert reported == []


def test_missing_columns_are_named_first_beside_those_that_are_there():
    made = loan_pipelines.logistic()
    made = replace(made, held_out=made.held_out.rename(columns={"income": "Income"}))
    with pytest.raises(
        DeliveryError, match=r"lack 'income', which the pipeline was fitted on \(they have 'Income'"
    ):
        left(made)


def test_a_missing_column_that_the_pipeline_never_uses_is_no_fault():
    training = loan_pipelines.loans(1).assign(note="x")
    pipeline = loan_pipelines.make_pipeline(
        loan_pipelines.columns(), loan_pipelines.LogisticRegression()
    ).fit(training, loan_pipelines.bad(training))
    made = replace(loan_pipelines.logistic(), pipeline=pipeline)
    assert left(made) == (list(loan_pipelines.ROW), [])


def test_held_out_columns_go_by_name():
    made = loan_pipelines.logistic()
    columns, reported = left(
        replace(made, held_out=made.held_out[list(reversed(loan_pipelines.ROW))])
    )
    assert columns == list(loan_pipelines.ROW)
    assert reported == []


def test_of_a_pipeline_that_goes_by_place_another_order_is_refused():
    training, held_out = (
        loan_pipelines.loans(1)[["age", "amount"]],
        loan_pipelines.loans(2)[["age", "amount"]],
    )
    pipeline = loan_pipelines.LinearRegression().fit(
        training.to_numpy(), loan_pipelines.risk(loan_pipelines.loans(1))
    )
    made = Recipe(pipeline, held_out, None, "predict", training)
    assert left(made) == (["age", "amount"], [])
    with pytest.raises(DeliveryError, match="in another order than the training rows"):
        left(replace(made, held_out=held_out[["amount", "age"]]))


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_numbers_as_names_become_texts_where_the_pipeline_predicts_the_same():
    training, held_out = (
        loan_pipelines.loans(seed)[["age", "amount"]].set_axis([0, 1], axis=1) for seed in (1, 2)
    )
    pipeline = loan_pipelines.LinearRegression().fit(
        training, loan_pipelines.risk(loan_pipelines.loans(1))
    )
    made = with_inputs_as_fitted(Recipe(pipeline, held_out, None, "predict", training), print)
    assert list(made.held_out.columns) == list(made.training.columns) == ["0", "1"]
    picky = loan_pipelines.make_pipeline(
        FunctionTransformer(lambda frame: frame[[0]]), loan_pipelines.LinearRegression()
    )
    picky.fit(training, loan_pipelines.risk(loan_pipelines.loans(1)))
    with pytest.raises(
        DeliveryError, match=r"named '0', '1' ..., no texts.*frame.rename\(columns=str\)"
    ):
        left(Recipe(picky, held_out, None, "predict", training))
