"""A row's answer must not depend on the rows beside it, nor on what was asked before."""

import numpy as np
import pytest

from delivery.proof.invariance import ALONE, LARGEST_BATCH, batch_dependence
from service.bundle import Comparison

RULE = Comparison(rule="", certification=1e-5, golden=1e-5, pipeline=1e-6)
COLUMNS = {"x": np.arange(100, dtype=np.float64)}


class Toy:
    """Answers x, and what `beside` makes of the batch; keeps how many rows it was asked at a
    time.
    """

    name = "toy"

    def __init__(self, beside=lambda array, asked: 0.0, bad=lambda array: False):
        self.beside, self.bad, self.asked = beside, bad, []

    def predict(self, columns):
        array = columns["x"]
        self.asked.append(len(array))
        if self.bad(array):
            raise ValueError
        return (array + self.beside(array, self.asked)).tolist()


def test_an_honest_model_is_asked_alone_in_pairs_and_in_batches_as_large_as_the_routers():
    model = Toy()
    assert batch_dependence(model, COLUMNS, RULE) is None
    assert {1, 2, 7, ALONE, 64, LARGEST_BATCH} <= set(model.asked)


@pytest.mark.parametrize(
    "beside",
    [
        lambda array, asked: array.mean(),
        lambda array, asked: array.argsort().argsort() / len(array),
        lambda array, asked: np.arange(len(array)),
        lambda array, asked: float(len(array) == 2),
        lambda array, asked: float(len(array) > 500),
        lambda array, asked: 1e-5 * len(np.unique(array)) * array,
    ],
)
def test_an_answer_that_depends_on_its_batch_is_found(beside):
    result = batch_dependence(Toy(beside), COLUMNS, RULE)
    assert result is not None
    assert result.batch_size > 1


@pytest.mark.parametrize("alone_only", [False, True])
def test_an_answer_that_depends_on_what_was_asked_before_is_found(alone_only):
    result = batch_dependence(
        Toy(lambda array, asked: float(len(asked))), COLUMNS, RULE, alone_only
    )
    assert result is not None
    assert result.batch_size == 1


def test_only_alone_asks_no_batch():
    model = Toy(lambda array, asked: array.mean())
    assert batch_dependence(model, COLUMNS, RULE, alone_only=True) is None
    assert set(model.asked) == {1}


def test_rows_that_fail_alone_and_in_company_are_no_dependence():
    assert (
        batch_dependence(Toy(bad=lambda array: bool((array % 10 == 0).any())), COLUMNS, RULE)
        is None
    )


def test_a_row_that_fails_alone_only_is_found():
    result = batch_dependence(
        Toy(bad=lambda array: len(array) == 1 and array[0] == 0), COLUMNS, RULE
    )
    assert (result.row, result.alone, result.in_batch) == (0, None, 0.0)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_are_enough(rows):
    few = {"x": np.arange(rows, dtype=np.float64)}
    assert batch_dependence(Toy(), few, RULE) is None
    assert batch_dependence(Toy(lambda array, asked: float(len(array))), few, RULE) is not None


def test_rows_that_fail_are_searched_for_in_small_batches_and_seldom_in_large_ones():
    model = Toy(bad=lambda array: bool((array % 10 < 5).any()))
    fails = [row for row in range(100) if row % 10 < 5]
    assert batch_dependence(model, COLUMNS, RULE, failing=fails) is None
    assert len(model.asked) < 400
    assert max(model.asked) > LARGEST_BATCH // 2

    # It is found beside one other row, too.
    strict = Toy(bad=lambda array: bool((array % 10 < 5).any()) and len(array) != 2)
    assert batch_dependence(strict, COLUMNS, RULE, failing=fails).batch_size == 2
