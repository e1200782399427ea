"""Predictions and errors come back at the places of their rows."""

import json

import pytest

from service.predict import Predictor
from service.rows import Malformed
from service.runtimes.load_model import load_model
from tests.delivery.loan_pipelines import ROW


@pytest.fixture(scope="module")
def predictor(bundle):
    """A version that fails on cities it never saw."""
    return Predictor(bundle("strict").manifest, load_model(bundle("strict")))


def body(*rows):
    """The body of a request."""
    return json.dumps({"instances": rows}).encode()


def test_every_row_gets_its_own_prediction(predictor):
    rows = [{**ROW, "amount": 500.0 * i} for i in range(8)]
    together = predictor.predict(body(*rows))
    alone = [predictor.predict(body(row)).predictions[0] for row in rows]
    assert together.errors == []
    assert together.predictions == [pytest.approx(item, abs=1e-6) for item in alone]
    assert together.seconds > 0


def test_no_rows_get_no_predictions(predictor):
    outcome = predictor.predict(body())
    assert (outcome.predictions, outcome.errors) == ([], [])


def test_bad_rows_and_failing_rows_are_told_in_order_and_the_others_answered(predictor):
    wrong, failing = {**ROW, "age": "old"}, {**ROW, "city": "Rome"}
    outcome = predictor.predict(body(ROW, failing, wrong, ROW, failing, wrong, ROW))
    assert [answer is None for answer in outcome.predictions] == [
        False,
        True,
        True,
        False,
        True,
        True,
        False,
    ]
    assert [(error.row, error.status) for error in outcome.errors] == [
        (1, 500),
        (2, 422),
        (4, 500),
        (5, 422),
    ]
    assert [error.column for error in outcome.errors] == [None, "age", None, "age"]
    assert outcome.predictions[0] == outcome.predictions[3] == outcome.predictions[6]


def test_bad_rows_alone_never_reach_the_model(predictor):
    outcome = predictor.predict(body({}, 1, None))
    assert outcome.predictions == [None, None, None]
    assert {error.status for error in outcome.errors} == {422}


def test_a_malformed_body_is_no_outcome(predictor):
    with pytest.raises(Malformed):
        predictor.predict(b"{")
