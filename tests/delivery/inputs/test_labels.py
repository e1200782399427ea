"""The truth of the held-out rows: what it must be, and when it says little."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from delivery.errors import DeliveryError
from delivery.inputs.labels import FEW_ROWS, cautions, require_labels
from tests.delivery import loan_pipelines


@pytest.mark.parametrize("null", [None, float("nan"), pd.NA, pd.NaT])
def test_nulls_are_counted_and_the_first_is_placed(null):
    made = loan_pipelines.logistic()
    labels = made.labels.astype(object)
    labels.iloc[[7, 30]] = null
    with pytest.raises(
        DeliveryError,
        match=f"2 of {loan_pipelines.ROWS} labels are null, the first of held-out row 7",
    ):
        require_labels(replace(made, labels=labels))


def test_several_labels_a_row_are_refused():
    with pytest.raises(DeliveryError, match="2 labels a row"):
        require_labels(replace(loan_pipelines.price(), labels=np.zeros((loan_pipelines.ROWS, 2))))


@pytest.mark.parametrize(
    "made",
    [
        loan_pipelines.logistic(),
        loan_pipelines.grades(),
        loan_pipelines.price(),
        loan_pipelines.unlabelled(),
    ],
)
def test_good_labels_or_none_are_taken_without_a_word(made):
    require_labels(made)
    assert cautions(made) == []


def test_few_rows_say_little():
    made = loan_pipelines.logistic()
    few = replace(made, held_out=made.held_out.head(10), labels=made.labels.head(10))
    assert any(line.startswith("only 10 held-out rows") for line in cautions(few))
    assert FEW_ROWS <= loan_pipelines.ROWS


def test_labels_of_one_class_have_no_auc():
    made = loan_pipelines.logistic()
    (line,) = cautions(replace(made, labels=made.labels * 0))
    assert line.startswith("all held-out labels are 0: ")
    assert "no AUC" in line
    assert cautions(replace(loan_pipelines.price(), labels=made.labels * 0)) == []
